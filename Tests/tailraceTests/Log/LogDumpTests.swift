import Foundation
import Testing

@testable import tailrace

/// `tailrace log dump`, on files that a broker wrote.
@Suite struct LogDumpTests {
  private static let records = [
    #"{"key":"k","value":"one","timestamp":1000,"headers":[{"key":"h","value":"x"}]}"#,
    #"{"key":"q\"\\","value_base64":"/wAB","timestamp":2000}"#,
    #"{"value":"three","timestamp":3000}"#,
    #"{"key":"gone","timestamp":4000}"#,
  ]

  /// A segment of two batches: of the records above, and of one more.
  private func segment() throws -> (broker: Broker, path: String) {
    let broker = try Broker()
    try broker.createTopic("t")
    let lines = Self.records.map { $0 + "\n" }.joined()
    try broker.output(of: ["produce", "t", "--format", "json"], input: lines.utf8)
    try broker.output(of: ["produce", "t", "--format", "json"], input: #"{"value":"last","timestamp":5000}"#.utf8)
    try broker.stop()
    return (broker, try #require(try broker.segmentPaths(of: "t").first))
  }

  private func objects(_ outcome: Outcome) throws -> [[String: Any]] {
    try outcome.lines.map { try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
  }

  @Test func `each batch is a line, each record one more`() throws {
    let (broker, path) = try segment()
    let batches = try runTool(["log", "dump", path])
    #expect(batches.status == 0 && batches.errors.isEmpty, "\(batches.errors)")
    #expect(batches.lines.count == 2)
    #expect(batches.lines[0].hasPrefix("batch at 0: offsets 0 to 3, 4 records, none, 1970-01-01T00:00:01.000Z to"))
    #expect(batches.lines[0].hasSuffix(" bytes, ok"))
    let records = try runTool(["log", "dump", path, "--records"])
    #expect(records.lines.count == 7)
    #expect(records.lines[1] == #"  0 1970-01-01T00:00:01.000Z key "k" value "one" "h"="x""#)
    #expect(records.lines[2] == #"  1 1970-01-01T00:00:02.000Z key "q\"\\" value "\xff\x00\x01""#)
    #expect(records.lines[3] == #"  2 1970-01-01T00:00:03.000Z key - value "three""#)
    #expect(records.lines[4] == #"  3 1970-01-01T00:00:04.000Z key "gone" value -"#)
    withExtendedLifetime(broker) {}
  }

  @Test func `records in the JSON form are what consume prints`() throws {
    let (broker, path) = try segment()
    let all = try objects(try runTool(["log", "dump", path, "--records", "--format", "json"]))
    #expect(all.map { $0["type"] as? String } == ["batch", "record", "record", "record", "record", "batch", "record"])
    #expect(all[0]["base_offset"] as? Int == 0 && all[0]["record_count"] as? Int == 4)
    #expect(all[0]["has_intact_records"] as? Bool == true && all[5]["position"] as? Int == all[0]["bytes"] as? Int)
    #expect(all[2]["key"] as? String == "q\"\\" && all[2]["value_base64"] as? String == "/wAB")
    #expect(all[3]["key"] is NSNull && all[6]["offset"] as? Int == 4 && all[6]["timestamp"] as? Int == 5_000)
    withExtendedLifetime(broker) {}
  }

  @Test func `--from and --count choose`() throws {
    let (broker, path) = try segment()
    func offsets(_ options: [String]) throws -> [Int] {
      try objects(try runTool(["log", "dump", path, "--records", "--format", "json"] + options))
        .filter { $0["type"] as? String == "record" }.compactMap { $0["offset"] as? Int }
    }
    #expect(try offsets([]) == [0, 1, 2, 3, 4])
    #expect(try offsets(["--from", "2"]) == [2, 3, 4])
    #expect(try offsets(["--from", "1", "--count", "2"]) == [1, 2])
    #expect(try offsets(["--from", "9"]) == [])
    #expect(try runTool(["log", "dump", path, "--count", "1"]).lines.count == 1)
    #expect(try runTool(["log", "dump", path, "--from", "4"]).lines.count == 1)
    withExtendedLifetime(broker) {}
  }

  @Test func `a damaged file is printed past the damage, and exits with 23`() throws {
    let (broker, path) = try segment()
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    for position in [20, 125] {
      var bytes = whole
      bytes[position] ^= 1
      let copy = try broker.directory.file("copy.log.torn", bytes)
      let outcome = try runTool(["log", "dump", copy, "--records"])
      #expect(outcome.status == 23)
      #expect(outcome.lines.contains { $0.hasPrefix("damaged from 0 to ") })
      #expect(outcome.lines.last?.contains(#"value "last""#) == true)
      #expect(outcome.errorLines.count == 1 && outcome.errors.contains("is damaged at position 0: "))
    }
    let cut = try broker.directory.file("cut.log", whole.dropLast(1))
    let outcome = try runTool(["log", "dump", cut])
    #expect(outcome.status == 23 && outcome.lines.count == 2 && outcome.lines[0].hasPrefix("batch at 0"))
    let text = try broker.directory.file("text", "no batches here".utf8)
    #expect(try runTool(["log", "dump", text]).status == 23)
  }

  @Test func `the state file is printed as JSON, an index is not printed`() throws {
    let (broker, path) = try segment()
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let outcome = try runTool(["log", "dump", directory + "/state"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let state = try #require(try objects(outcome).first)
    #expect(state["cleanEndOffset"] as? String == "5" && state["partition"] as? Int == 0)
    #expect(try runTool(["log", "dump", try broker.directory.file("state", [1, 2, 3])]).status == 23)
    #expect(try runTool(["log", "dump", try broker.directory.file("00000000000000000000.index", [])]).status == 64)
  }

  @Test func `a file that is not there, a directory and an empty file are told of`() throws {
    let directory = try TemporaryDirectory()
    for path in [directory.path + "/none.log", directory.path] {
      let outcome = try runTool(["log", "dump", path])
      #expect(outcome.status == 64 && outcome.output.isEmpty && outcome.errorLines.count == 1, "\(outcome.errors)")
    }
    let empty = try runTool(["log", "dump", try directory.file("empty.log", [])])
    #expect(empty.status == 0 && empty.output.isEmpty && empty.errors.contains("is empty"))
    #expect(try runTool(["log", "dump", directory.path, "--count", "0"]).status == 64)
    #expect(try runTool(["log", "dump", directory.path, "--from", "-1"]).status == 64)
  }

  @Test func `a reader that goes away ends it quietly, a full disk does not`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let lines = (0..<100_000).map { "a line that fills the pipe \($0)\n" }.joined()
    try broker.output(of: ["produce", "t"], input: lines.utf8)
    try broker.stop()
    let path = try #require(try broker.segmentPaths(of: "t").first)
    let dump = try LiveProcess(["log", "dump", path, "--records"])
    _ = try dump.readLine()
    try dump.closeOutput()
    let outcome = try dump.waitWithoutOutput()
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(try runTool(["log", "dump", path], outputPath: "/dev/full").status == 10)
  }
}
