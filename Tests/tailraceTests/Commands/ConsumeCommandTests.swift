import Foundation
import Testing

@testable import tailrace

@Suite struct ConsumeCommandTests {
  /// A topic `t` of one partition whose records have the values 0, 1, 2, ... and timestamps 1000, 2000, 3000, ...
  private func brokerWithRecords(_ count: Int) throws -> Broker {
    let broker = try Broker()
    try broker.createTopic("t")
    let lines = (0..<count).map { "{\"value\":\"\($0)\",\"timestamp\":\(($0 + 1) * 1_000)}\n" }
    try broker.output(of: ["produce", "t", "--format", "json"], input: lines.joined().utf8)
    return broker
  }

  @Test(arguments: [
    ("beginning", 0..<10), ("0", 0..<10), ("7", 7..<10), ("10", 10..<10), ("end", 10..<10),
    ("1970-01-01T00:00:04Z", 3..<10), ("1970-01-01T00:00:03.001Z", 3..<10), ("1970-01-01", 0..<10),
    ("1971-01-01", 10..<10),
  ])
  func `--from says where to begin`(from: String, values: Range<Int>) throws {
    let broker = try brokerWithRecords(10)
    let outcome = try broker.run(["consume", "t", "--from", from, "--exit-at-end"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.lines == values.map(String.init))
  }

  @Test func `without --from it begins at the beginning`() throws {
    let broker = try brokerWithRecords(3)
    #expect(try broker.run(["consume", "t", "--exit-at-end"]).lines == ["0", "1", "2"])
  }

  @Test func `--max stops after so many records, over all partitions`() throws {
    let broker = try Broker()
    try broker.createTopic("t", partitions: 3)
    try broker.output(of: ["produce", "t"], input: (0..<30).map { "\($0)\n" }.joined().utf8)
    for max in [1, 5, 30] {
      let outcome = try broker.run(["consume", "t", "--max", "\(max)"])
      #expect(outcome.status == 0)
      #expect(Set(outcome.lines).count == max)
    }
  }

  @Test func `all partitions are read, or one; each in its order`() throws {
    let broker = try Broker()
    try broker.createTopic("t", partitions: 4)
    let lines = (0..<1_000).map { "k\($0 % 17),\($0)\n" }
    try broker.output(of: ["produce", "t", "--key-separator", ","], input: lines.joined().utf8)
    let all = try broker.run(["consume", "t", "--exit-at-end"]).lines.compactMap { Int($0) }
    #expect(all.sorted() == Array(0..<1_000))
    for rest in 0..<17 {
      let ofKey = all.filter { $0 % 17 == rest }
      #expect(ofKey == ofKey.sorted())
    }
    let parts = try (0..<4).map { try broker.run(["consume", "t", "--partition", "\($0)", "--exit-at-end"]).lines }
    #expect(parts.joined().compactMap { Int($0) }.sorted() == Array(0..<1_000))
    let outcome = try broker.run(["consume", "t", "--partition", "4", "--exit-at-end"])
    #expect(outcome.status == 13)
    #expect(outcome.errors.contains("'t' has 4 partitions"))
  }

  @Test func `--exit-at-end of an empty topic prints nothing`() throws {
    let broker = try Broker()
    try broker.createTopic("t", partitions: 2)
    let outcome = try broker.run(["consume", "t", "--exit-at-end"])
    #expect(outcome.status == 0)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.isEmpty)
  }

  @Test func `an offset beyond the end is told with both bounds`() throws {
    let broker = try brokerWithRecords(3)
    let outcome = try broker.run(["consume", "t", "--from", "4", "--max", "1"])
    #expect(outcome.status == 19)
    #expect(outcome.errorLines.count == 1)
    #expect(outcome.errors.contains("offset 4 is out of range: the partition holds 0 to 3"), "\(outcome.errors)")
    #expect(try broker.run(["consume", "t", "--from", "4", "--exit-at-end"]).status == 19)
  }

  @Test func `an unknown topic is an error`() throws {
    let broker = try Broker()
    let outcome = try broker.run(["consume", "nope"])
    #expect(outcome.status == 13)
    #expect(outcome.errorLines.count == 1)
  }

  @Test func `new records are printed as they come, and SIGINT ends it with 130`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let consumer = try broker.start(["consume", "t"])
    for text in ["a", "b"] {
      try broker.output(of: ["produce", "t"], input: "\(text)\n".utf8)
      #expect(try consumer.readLine() == text)
    }
    consumer.send(SIGINT)
    let outcome = try consumer.wait()
    #expect(outcome.status == 130)
    #expect(outcome.errors.isEmpty)
    #expect(outcome.output.isEmpty)
  }

  @Test func `--from end prints only what comes later`() throws {
    let broker = try brokerWithRecords(3)
    let consumer = try broker.start(["consume", "t", "--from", "end"])
    // Whether it has looked for the end yet nobody can tell from outside; that it prints none of the old is the point.
    var printed: String?
    for number in 0..<1_000 where printed == nil {
      try broker.output(of: ["produce", "t"], input: "new \(number)\n".utf8)
      printed = try consumer.readLineIfThere()
    }
    #expect(printed?.hasPrefix("new ") == true)
  }

  @Test func `a reader that goes away ends it quietly`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let text = (0..<50_000).map { "a line that fills the pipe \($0)\n" }.joined()
    try broker.output(of: ["produce", "t"], input: text.utf8)
    let consumer = try broker.start(["consume", "t"])
    _ = try consumer.readLine()
    try consumer.closeOutput()
    let outcome = try consumer.waitWithoutOutput()
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
  }

  @Test func `a reader that goes away while no record comes ends it too`() throws {
    let broker = try brokerWithRecords(1)
    let consumer = try broker.start(["consume", "t"])
    #expect(try consumer.readLine() == "0")
    try consumer.closeOutput()
    #expect(try consumer.waitWithoutOutput().status == 0)
  }

  @Test func `a full disk under the output is an error`() throws {
    let broker = try brokerWithRecords(1)
    let outcome = try broker.run(["consume", "t", "--exit-at-end"], outputPath: "/dev/full")
    #expect(outcome.status == 10)
    #expect(outcome.errors == "tailrace: cannot write the output: no space left on device\n")
  }

  @Test func `a broker that dies ends it with 22`() throws {
    let broker = try brokerWithRecords(1)
    let consumer = try broker.start(["consume", "t"])
    #expect(try consumer.readLine() == "0")
    broker.kill()
    let outcome = try consumer.wait()
    #expect(outcome.status == 22)
    #expect(outcome.errorLines.count == 1)
  }
}
