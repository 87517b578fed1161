import Testing

@testable import tailrace

@Suite struct ProduceErrorTests {
  private func values(_ broker: Broker, _ topic: String) throws -> [String] {
    let outcome = try broker.run(["consume", topic, "--exit-at-end"])
    guard outcome.status == 0 else { throw ProcessFailure(description: outcome.errors) }
    return outcome.lines
  }

  @Test(
    arguments: [
      (["--format", "json"], "bad\n{\"value\":\"after\"}\n", "line 1: not a JSON text"),
      (["--format", "json"], "bad1\nbad2\n", "line 1: not a JSON text"),
      (["--format", "json"], "\nbad1\nbad2", "line 2: not a JSON text"),
      (["--format", "hex"], "ZZ\n6162", "line 1: the value is not in hexadecimal digits"),
      (["--format", "hex"], "ZZ\n6\n", "line 1: the value is not in hexadecimal digits"),
      (["--format", "length"], "\u{7F}\u{01}\u{01}\u{01}abc", "record 1: longer than"),
      (["--format", "length", "--keys"], "\u{7F}\u{01}\u{01}\u{01}abc", "record 1: longer than"),
    ] as [([String], String, String)])
  func `the first mistake is named, and nothing behind it is stored`(
    options: [String], input: String, message: String
  ) throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let outcome = try broker.run(["produce", "t"] + options, input: input.utf8)
    #expect(outcome.status == 11)
    #expect(outcome.errors.hasPrefix("tailrace: \(message)"), "\(outcome.errors)")
    #expect(outcome.errorLines.count == 1)
    #expect(try values(broker, "t") == [])
  }

  @Test func `a record that is too long is skipped once, wherever the input ends`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let outcome = try broker.run(
      ["produce", "t", "--format", "length", "--on-error", "skip"], input: [0x7F, 0xFF, 0xFF, 0xFF])
    #expect(outcome.text == "produced 0 records, 1 record skipped\n")
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    #expect(outcome.errors.hasPrefix("tailrace: record 1: longer than"), "\(outcome.errors)")
  }

  /// Ten lines with keys but for the fourth and the seventh.
  private let keyless = (1...10).map { $0 == 4 || $0 == 7 ? "none\($0)\n" : "k\($0):v\($0)\n" }.joined()

  @Test(arguments: ["none", "zstd"])
  func `a record that the broker refuses is named, and what is before it stored`(compression: String) throws {
    let broker = try Broker()
    try broker.createTopic("t", config: ["cleanup_policy=compact"])
    let outcome = try broker.run(
      ["produce", "t", "--key-separator", ":", "--compression", compression], input: keyless.utf8)
    #expect(outcome.status == 11)
    #expect(outcome.errors.hasPrefix("tailrace: line 4 (partition 0 of 't'): "), "\(outcome.errors)")
    #expect(outcome.errors.hasSuffix("; 3 records were acknowledged, 1 refused, 6 not sent\n"), "\(outcome.errors)")
    #expect(try values(broker, "t") == ["v1", "v2", "v3"])
  }

  @Test func `with --on-error skip each record that the broker refuses is left out, and the others keep their order`()
    throws
  {
    let broker = try Broker()
    try broker.createTopic("t", config: ["cleanup_policy=compact"])
    let outcome = try broker.run(
      ["produce", "t", "--key-separator", ":", "--on-error", "skip"], input: keyless.utf8)
    #expect(outcome.status == 0)
    #expect(outcome.text == "produced 8 records, 2 lines skipped\n")
    #expect(outcome.errorLines.count == 2, "\(outcome.errors)")
    for (line, error) in zip([4, 7], outcome.errorLines) {
      #expect(error.hasPrefix("tailrace: line \(line) (partition 0 of 't'): "), "\(outcome.errors)")
      #expect(error.hasSuffix("; skipped"))
    }
    #expect(try values(broker, "t") == [1, 2, 3, 5, 6, 8, 9, 10].map { "v\($0)" })
  }

  @Test func `among many refused records in several batches and partitions none of the others gets lost`() throws {
    let broker = try Broker()
    try broker.createTopic("t", partitions: 3, config: ["cleanup_policy=compact"])
    let count = 20_000
    let isKeyless = { (line: Int) in line % 4_999 == 0 }
    let padding = String(repeating: "x", count: 80)
    let text = (1...count).map { isKeyless($0) ? "none\n" : "k\($0):\($0) \(padding)\n" }.joined()
    let outcome = try broker.run(["produce", "t", "--key-separator", ":", "--on-error", "skip"], input: text.utf8)
    #expect(outcome.text == "produced \(count - 4) records, 4 lines skipped\n", "\(outcome.errors)")
    let lines = Set(outcome.errorLines.map { $0.split(separator: " ")[2] })
    #expect(lines == ["4999", "9998", "14997", "19996"])
    let stored = try values(broker, "t").compactMap { Int($0.prefix { $0 != " " }) }
    #expect(stored.sorted() == (1...count).filter { !isKeyless($0) })
  }

  @Test func `a refused record is named with its file`() throws {
    let broker = try Broker()
    try broker.createTopic("t", config: ["cleanup_policy=compact"])
    let first = try broker.directory.file("first", "a:1\nb:2\n".utf8)
    let second = try broker.directory.file("second", "c:3\nnone\n".utf8)
    let outcome = try broker.run(["produce", "t", "--key-separator", ":", "--file", first, "--file", second])
    #expect(outcome.errors.hasPrefix("tailrace: line 2 of '\(second)' (partition 0 of 't'): "), "\(outcome.errors)")
    #expect(try values(broker, "t") == ["1", "2", "3"])
  }
}
