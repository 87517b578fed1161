import Foundation
import NIOCore
import TailraceWire
import Testing

@testable import tailrace

@Suite struct ProduceCommandTests {
  private func values(_ broker: Broker, _ topic: String, _ options: [String] = []) throws -> [String] {
    let outcome = try broker.run(["consume", topic, "--exit-at-end"] + options)
    guard outcome.status == 0 else { throw ProcessFailure(description: outcome.errors) }
    return outcome.lines
  }

  @Test func `lines become records: empty ones, carriage returns, and a last one without line feed too`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    #expect(try broker.output(of: ["produce", "t"], input: "one\n\ntwo\r\nlast".utf8) == "produced 4 records\n")
    #expect(try broker.run(["consume", "t", "--exit-at-end"]).output == Array("one\n\ntwo\r\nlast\n".utf8))
    #expect(try broker.output(of: ["produce", "t"]) == "produced 0 records\n")
    #expect(try broker.output(of: ["produce", "t"], input: "x\n".utf8) == "produced 1 record\n")
  }

  @Test func `bytes that are not UTF-8 are kept`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let bytes = (0...255).map { UInt8($0) }.filter { $0 != 0x0A } + [0x0A]
    try broker.output(of: ["produce", "t"], input: bytes)
    #expect(try broker.run(["consume", "t", "--exit-at-end"]).output == bytes)
  }

  @Test func `a file larger than many batches comes back in order`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let count = 60_000
    let text = (0..<count).map { "line \($0) of a file that is larger than the window of requests\n" }.joined()
    let path = try broker.directory.file("input", text.utf8)
    #expect(try broker.output(of: ["produce", "t", "--file", path]) == "produced \(count) records\n")
    #expect(try broker.run(["consume", "t", "--exit-at-end"]).output == Array(text.utf8))
  }

  @Test func `records without a key are spread over all partitions`() throws {
    let broker = try Broker()
    try broker.createTopic("t", partitions: 3)
    try broker.output(of: ["produce", "t"], input: (0..<9).map { "\($0)\n" }.joined().utf8)
    for partition in 0..<3 { #expect(try values(broker, "t", ["--partition", "\(partition)"]).count == 3) }
  }

  @Test func `--partition sends everything there`() throws {
    let broker = try Broker()
    try broker.createTopic("t", partitions: 3)
    try broker.output(of: ["produce", "t", "--partition", "1"], input: "a\nb\n".utf8)
    #expect(try values(broker, "t", ["--partition", "1"]) == ["a", "b"])
    let outcome = try broker.run(["produce", "t", "--partition", "3"], input: "a\n".utf8)
    #expect(outcome.status == 13)
    #expect(outcome.errors.contains("partition 3 does not exist: 't' has 3 partitions, from 0 on"))
  }

  @Test func `keys come out of lines, and decide the partition`() throws {
    let broker = try Broker()
    try broker.createTopic("t", partitions: 4)
    try broker.output(of: ["produce", "t", "--key-separator", ": "], input: "ann: 1\nbob: 2\nnone\nann: 3\n".utf8)
    try broker.output(of: ["produce", "t", "--key-regex", #"^(\w+) "#], input: "ann 4\n?\n".utf8)
    let outcome = try broker.run(["consume", "t", "--exit-at-end", "--format", "json"])
    let records = try outcome.lines.map { try #require(try RecordJSONReader.record(of: ByteBuffer(string: $0))) }
    func text(_ bytes: ByteBuffer?) -> String { bytes.map { String(buffer: $0) } ?? "-" }
    let pairs = Set(records.map { "\(text($0.key))/\(text($0.value))" })
    #expect(pairs == ["ann/1", "bob/2", "-/none", "ann/3", "ann/ann 4", "-/?"])
    #expect(records.filter { text($0.key) == "ann" }.map { text($0.value) } == ["1", "3", "ann 4"])
    for record in records {
      guard let key = record.key else { continue }
      let expected = key.withUnsafeReadableBytes { MurmurHash2.partition(of: $0, partitionCount: 4) }
      #expect(record.partition == expected)
    }
  }

  @Test func `any bytes survive the way through JSON and back`() throws {
    let broker = try Broker()
    try broker.createTopic("a")
    try broker.createTopic("b")
    let input = #"""
      {"key":null,"value":null}
      {"key":"","value":"","headers":[{"key":"h","value":""},{"key":"h","value":null},{"key":"","value_base64":"/w=="}]}
      {"key_base64":"AP8=","value_base64":"wyg=","timestamp":1700000000123}
      {"key":"\u0000","value":"tab\tquote\"é😀","timestamp":"2026-01-31T23:59:59.5Z"}

      """#
    #expect(try broker.output(of: ["produce", "a", "--format", "json"], input: input.utf8) == "produced 4 records\n")
    let first = try broker.output(of: ["consume", "a", "--exit-at-end", "--format", "json"])
    let lines = first.split(separator: "\n").map(String.init)
    try #require(lines.count == 4)
    #expect(lines[0].contains(#""key":null,"value":null,"headers":[]"#))
    let headers = #"[{"key":"h","value":""},{"key":"h","value":null},{"key":"","value_base64":"/w=="}]"#
    #expect(lines[1].contains(#""key":"","value":"","headers":\#(headers)"#))
    #expect(lines[2].contains(#""timestamp":1700000000123,"key_base64":"AP8=","value_base64":"wyg=""#))
    #expect(lines[3].contains(#""timestamp":1769903999500,"key":"\u0000","value":"tab\tquote\"é😀""#))
    try broker.output(of: ["produce", "b", "--format", "json"], input: first.utf8)
    let second = try broker.output(of: ["consume", "b", "--exit-at-end", "--format", "json"])
    #expect(second == first.replacingOccurrences(of: #""topic":"a""#, with: #""topic":"b""#))
  }

  @Test(arguments: ["none", "written", "durable"])
  func `records arrive with every level of acks`(acks: String) throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let text = try broker.output(of: ["produce", "t", "--acks", acks], input: "a\nb\n".utf8)
    #expect(text == (acks == "none" ? "sent" : "produced") + " 2 records\n")
    #expect(try values(broker, "t") == ["a", "b"])
  }

  @Test func `a line that no batch can hold is named, and what was before it is counted`() throws {
    let broker = try Broker()
    try broker.createTopic("t", config: ["max_batch_bytes=1024"])
    let long = String(repeating: "x", count: 1_000)
    let outcome = try broker.run(["produce", "t"], input: "a\nb\n\(long)\nc\n".utf8)
    #expect(outcome.status == 11)
    #expect(outcome.errorLines.count == 1)
    #expect(outcome.errors.hasPrefix("tailrace: line 3: "), "\(outcome.errors)")
    #expect(outcome.errors.contains("max_batch_bytes"))
    #expect(outcome.errors.hasSuffix("; 2 records were acknowledged\n"), "\(outcome.errors)")
    #expect(try values(broker, "t") == ["a", "b"])
    let longer = try broker.run(["produce", "t"], input: "\(long)\(long)\n".utf8)
    #expect(longer.status == 11)
    #expect(longer.errors.hasPrefix("tailrace: line 1: longer than 1024 bytes"), "\(longer.errors)")
  }

  @Test func `a line that is no record is named; what is before it is sent, what is after it is not`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let outcome = try broker.run(
      ["produce", "t", "--format", "json"], input: "{\"value\":\"a\"}\n{\"vlaue\":\"b\"}\n{\"value\":\"c\"}\n".utf8)
    #expect(outcome.status == 11)
    #expect(outcome.errors.hasPrefix("tailrace: line 2: 'vlaue' is no member of a record"), "\(outcome.errors)")
    #expect(try values(broker, "t") == ["a"])
  }

  @Test func `a topic that is not there is an error before anything is read`() throws {
    let broker = try Broker()
    let process = try broker.start(["produce", "nope"])
    let outcome = try process.wait()
    #expect(outcome.status == 13)
    #expect(outcome.errors.contains("tailrace topic create nope"))
  }

  @Test func `a line typed by hand is sent without waiting for more`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let consumer = try broker.start(["consume", "t"])
    let producer = try broker.start(["produce", "t"])
    for text in ["first", "second"] {
      try producer.write("\(text)\n")
      #expect(try consumer.readLine() == text)
    }
    try producer.closeInput()
    #expect(try producer.wait().text == "produced 2 records\n")
  }

  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func `a signal stops it, and it tells exactly what was acknowledged`(signal: Int32, status: Int32) throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let consumer = try broker.start(["consume", "t"])
    let producer = try broker.start(["produce", "t"])
    try producer.write("a\nb\nc\n")
    for text in ["a", "b", "c"] { #expect(try consumer.readLine() == text) }
    producer.send(signal)
    let outcome = try producer.wait()
    #expect(outcome.status == status)
    #expect(outcome.errors == "tailrace: interrupted; 3 records were acknowledged\n")
  }

  @Test func `when the broker dies, what is not known to be stored is told`() throws {
    let broker = try Broker()
    try broker.createTopic("t")
    let producer = try broker.start(["produce", "t"])
    let consumer = try broker.start(["consume", "t"])
    try producer.write("a\n")
    #expect(try consumer.readLine() == "a")
    broker.kill()
    try producer.write("b\n")
    let outcome = try producer.wait()
    #expect(outcome.status == 22)
    #expect(outcome.errorLines.count == 1)
    // Whether the answer to the first line was on its way yet decides where that one is counted; each is counted once.
    let summary = try #require(outcome.errors.split(separator: "; ").last)
    let counts = summary.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
    #expect(counts.reduce(0, +) == 2, "\(outcome.errors)")
  }
}
