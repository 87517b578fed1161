import Foundation
import NIOCore
import TailraceWire
import Testing

@testable import tailrace

/// What `produce` makes of its input's forms and options.
@Suite struct ProduceFormatTests {
  /// A broker with topic `t`.
  private func broker(partitions: Int = 1, config: [String] = []) throws -> Broker {
    let broker = try Broker()
    try broker.createTopic("t", partitions: partitions, config: config)
    return broker
  }

  /// All that is in topic `t`, a record a line.
  private func records(_ broker: Broker, _ template: String) throws -> [String] {
    let outcome = try broker.run(["consume", "t", "--exit-at-end", "--format", template + #"\n"#])
    guard outcome.status == 0 else { throw ProcessFailure(description: outcome.errors) }
    return outcome.lines
  }

  @Test func `pieces between NULs, and pieces of a length, are values`() throws {
    let broker = try broker()
    try broker.output(of: ["produce", "t", "--format", "nul"], input: "a\nb\0\0c".utf8)
    let frames: [UInt8] = [0, 0, 0, 1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]
    #expect(try broker.output(of: ["produce", "t", "--format", "length"], input: frames) == "produced 3 records\n")
    let outcome = try broker.run(["consume", "t", "--exit-at-end", "--format", "hex"])
    #expect(outcome.lines == ["610a62", "", "63", "00", "-", ""])
  }

  @Test func `an input that ends within a record is an error behind all before it`() throws {
    let broker = try broker()
    let outcome = try broker.run(
      ["produce", "t", "--format", "length"], input: [0, 0, 0, 1, 0x61, 0, 0, 0, 9, 0x62] as [UInt8])
    #expect(outcome.status == 11)
    #expect(outcome.errors == "tailrace: record 2: the input ends within it; 1 record was acknowledged\n")
    #expect(try records(broker, "%v") == ["a"])
  }

  @Test func `files are read one after the other, or are a value each`() throws {
    let broker = try broker()
    let files = try ["one\ntwo", "", "three\n"].enumerated().flatMap { index, text in
      ["--file", try broker.directory.file("f\(index)", text.utf8)]
    }
    #expect(try broker.output(of: ["produce", "t"] + files) == "produced 3 records\n")
    let whole = ["produce", "t", "--format", "whole", "--key", "k"]
    #expect(try broker.output(of: whole + files) == "produced 3 records\n")
    #expect(try broker.output(of: whole, input: "in\0put".utf8) == "produced 1 record\n")
    let outcome = try broker.run(["consume", "t", "--exit-at-end", "--format", "hex", "--key-separator", ":"])
    #expect(
      outcome.lines == [
        "6f6e65", "74776f", "7468726565", "6b:6f6e650a74776f", "6b:", "6b:74687265650a", "6b:696e00707574",
      ])
  }

  @Test func `a faulty line of one of several files is told with its file`() throws {
    let broker = try broker()
    let files = try ["{}\n", "{}\n{}\n[]\n"].enumerated().flatMap { index, text in
      ["--file", try broker.directory.file("f\(index)", text.utf8)]
    }
    let outcome = try broker.run(["produce", "t", "--format", "json"] + files)
    #expect(outcome.status == 11)
    #expect(outcome.errors.contains("line 3 of '\(broker.directory.path)/f1': "), "\(outcome.errors)")
    #expect(outcome.errors.hasSuffix("; 3 records were acknowledged\n"), "\(outcome.errors)")
  }

  @Test func `keys lie in JSON, all records get headers, and empty values are tombstones`() throws {
    let broker = try broker()
    let headers = ["--header", "h=1", "--header", "h=a=b"]
    try broker.output(
      of: ["produce", "t", "--key-field", "user.id"] + headers, input: #"{"user":{"id":"ann"}}"#.utf8)
    try broker.output(of: ["produce", "t", "--key-separator", "=", "--tombstones"], input: "k=\nl=v\n".utf8)
    #expect(
      try records(broker, "%k|%v|%S|%h") == [#"ann|{"user":{"id":"ann"}}|21|h=1,h=a=b"#, "k||-1|", "l|v|1|"])
  }

  @Test(arguments: ["gzip", "lz4", "zstd"])
  func `compressed records take less room and are the same`(compression: String) throws {
    let broker = try broker()
    let text = String(repeating: "the same again and again\n", count: 2_000)
    try broker.output(of: ["produce", "t", "--compression", compression], input: text.utf8)
    #expect(try broker.run(["consume", "t", "--exit-at-end"]).output == Array(text.utf8))
    let path = try #require(try broker.segmentPaths(of: "t").first)
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
    #expect(try #require(size) < text.utf8.count / 5)
  }

  @Test func `with --on-error skip what is no record is told and left out`() throws {
    let broker = try broker(config: ["max_batch_bytes=1024"])
    let long = String(repeating: "x", count: 9_000)
    let lines = ["{}", "[]", "{\"value\":\"\(long)\"}", "{\"partition\":7}", "{\"value\":\"last\"}"]
    let outcome = try broker.run(
      ["produce", "t", "--format", "json", "--on-error", "skip"], input: lines.joined(separator: "\n").utf8)
    #expect(outcome.status == 0)
    #expect(outcome.text == "produced 2 records, 3 lines skipped\n")
    #expect(outcome.errorLines.count == 3)
    for (line, number) in zip(outcome.errorLines, [2, 3, 4]) {
      #expect(line.hasPrefix("tailrace: line \(number): ") && line.hasSuffix("; skipped"), "\(line)")
    }
    #expect(try records(broker, "%v") == ["", "last"])
  }

  @Test func `of many faulty lines some are told, and all are counted`() throws {
    let broker = try broker()
    let outcome = try broker.run(
      ["produce", "t", "--key-field", "id", "--on-error", "skip"], input: String(repeating: "?\n", count: 100).utf8)
    #expect(outcome.text == "produced 0 records, 100 lines skipped\n")
    #expect(outcome.errorLines.count == 20)
    #expect(outcome.errorLines.last?.hasSuffix("; skipped; more are counted only") == true)
  }

  @Test func `--rate spreads records over time`() throws {
    let broker = try broker()
    try broker.output(of: ["produce", "t", "--rate", "50"], input: String(repeating: "x\n", count: 30).utf8)
    let times = try records(broker, "%T").compactMap { Int64($0) }
    #expect(times.count == 30)
    // 29 intervals of 20 ms, some of which a busy machine may catch up on.
    #expect(try #require(times.last) - times[0] >= 450)
  }
}
