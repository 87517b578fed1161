import Foundation
import NIOCore
import TailraceTestSupport
import TailraceWire
import Testing

@testable import tailrace

/// Whatever was produced comes back, with each form of input and the form of output that matches it.
@Suite struct RoundTripTests {
  private static let largest = 1 << 20

  private struct Form: Sendable {
    let name: String
    var options: [String] = []
    /// What values and keys cannot hold in this form.
    var excluded: UInt8?
    var hasAbsence = false
    var hasKeys = false

    static let separator = UInt8(ascii: ":")

    /// What keys cannot hold but values can: the separator, where bytes are taken as they are.
    var excludedOfKeys: UInt8? { hasKeys && !hasAbsence ? Self.separator : nil }

    /// The input that stands for these records.
    func encode(_ records: [(key: [UInt8]?, value: [UInt8]?)]) -> [UInt8] {
      records.flatMap { key, value in
        switch name {
        case "length": (hasKeys ? Self.frame(key) : []) + Self.frame(value)
        case "hex": (key.map { Self.hex($0) + [0x3A] } ?? []) + Self.hex(value) + [0x0A]
        case "json": Array("{\(Self.member("key", key)),\(Self.member("value", value))}\n".utf8)
        default: (key.map { $0 + [Self.separator] } ?? []) + (value ?? []) + (excluded.map { [$0] } ?? [])
        }
      }
    }

    private static func frame(_ bytes: [UInt8]?) -> [UInt8] {
      var buffer = ByteBuffer(integer: bytes.map { UInt32($0.count) } ?? .max)
      buffer.writeBytes(bytes ?? [])
      return Array(buffer.readableBytesView)
    }

    private static func hex(_ bytes: [UInt8]?) -> [UInt8] {
      let digits = Array("0123456789abcdef".utf8)
      return bytes.map { $0.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] } } ?? [0x2D]
    }

    private static func member(_ name: String, _ bytes: [UInt8]?) -> String {
      var json = JSONWriter()
      guard let bytes else { return "\"\(name)\":null" }
      bytes.withUnsafeBytes { json.base64($0) }
      return "\"\(name)_base64\":\(json.text)"
    }
  }

  private static let forms = [
    Form(name: "text", excluded: 0x0A), Form(name: "nul", excluded: 0), Form(name: "whole"),
    Form(name: "text", options: ["--key-separator", ":"], excluded: 0x0A, hasKeys: true),
    Form(name: "nul", options: ["--key-separator", ":"], excluded: 0, hasKeys: true),
    Form(name: "length", hasAbsence: true), Form(name: "length", options: ["--keys"], hasAbsence: true, hasKeys: true),
    Form(name: "hex", options: ["--key-separator", ":"], hasAbsence: true, hasKeys: true),
    Form(name: "json", hasAbsence: true, hasKeys: true),
  ]

  private func bytes(_ form: Form, _ random: inout SeededGenerator, maxBytes: Int) -> [UInt8]? {
    if form.hasAbsence && random.below(6) == 0 { return nil }
    let text = Array("é😀\u{1B}[0m\r\"\\ -=:".utf8)
    let bytes: [UInt8] =
      switch random.below(6) {
      case 0: []
      case 1: text
      case 2: [0, 0x0A, 0xFF, 0xFE, 0x0D, 0]
      default: random.bytes(random.below(maxBytes))
      }
    return bytes.filter { $0 != form.excluded }
  }

  /// Some records, one of which is as large as may be.
  private func records(_ form: Form, _ random: inout SeededGenerator) -> [(key: [UInt8]?, value: [UInt8]?)] {
    let count = form.name == "whole" ? 1 : 60
    let large = random.below(count)
    return (0..<count).map { index in
      let value =
        index == large
        ? random.bytes(Self.largest).filter { $0 != form.excluded } : bytes(form, &random, maxBytes: 2_000)
      let key = form.hasKeys ? bytes(form, &random, maxBytes: 50)?.filter { $0 != form.excludedOfKeys } : nil
      return (key, value)
    }
  }

  @Test(arguments: forms.indices)
  func `any bytes come back`(index: Int) throws {
    let form = Self.forms[index]
    var random = SeededGenerator(for: "RoundTripTests.\(form.name)")
    let broker = try Broker()
    let output = form.name == "whole" ? "raw" : form.name
    for round in 0..<3 {
      let records = records(form, &random)
      let input = form.encode(records)
      let topic = "t\(round)"
      try broker.createTopic(topic, config: ["max_batch_bytes=4194304"])
      let compression = ["none", "gzip", "lz4", "zstd"][random.below(4)]
      let produced = try broker.output(
        of: ["produce", topic, "--format", form.name, "--compression", compression] + form.options, input: input)
      #expect(produced == "produced \(recordsText(records.count))\n", "seed \(random.seed)")
      let consumed = try broker.run(
        ["consume", topic, "--exit-at-end", "--format", output] + form.options)
      #expect(consumed.status == 0, "\(consumed.errors)")
      if form.name == "json" {
        let found = try consumed.lines.map { try #require(try RecordJSONReader.record(of: ByteBuffer(string: $0))) }
        #expect(
          found.map { [$0.key, $0.value] }
            == records.map { [$0.key.map { ByteBuffer(bytes: $0) }, $0.value.map { ByteBuffer(bytes: $0) }] },
          "seed \(random.seed)")
      } else {
        // Not compared by #expect, which would describe megabytes.
        let isSame = consumed.output == input
        #expect(isSame, "seed \(random.seed), \(form.name), round \(round)")
      }
    }
  }

  /// A line of `--format json` with headers and a timestamp.
  private func line(_ random: inout SeededGenerator) -> String {
    func bytes(_ name: String, _ random: inout SeededGenerator) -> String {
      guard random.below(5) > 0 else { return "\"\(name)\":null" }
      var json = JSONWriter()
      random.bytes(random.below(40)).withUnsafeBytes { json.base64($0) }
      return "\"\(name)_base64\":\(json.text)"
    }
    let names = ["", "h", "h", "é😀", "content-type", "a=b: c"]
    let headers = (0..<random.below(4)).map { _ in
      "{\"key\":\"\(names[random.below(names.count)])\",\(bytes("value", &random))}"
    }
    let timestampMs = [0, 1, 1_700_000_000_123, random.below(1_700_000_000_000)][random.below(4)]
    return "{\(bytes("key", &random)),\(bytes("value", &random)),\"timestamp\":\(timestampMs),"
      + "\"headers\":[\(headers.joined(separator: ","))]}"
  }

  @Test func `headers and timestamps come back in JSON, and through a pipe into another topic`() throws {
    var random = SeededGenerator(for: "RoundTripTests.headers")
    let broker = try Broker()
    for topic in ["a", "b"] { try broker.createTopic(topic) }
    let lines = (0..<200).map { _ in line(&random) }
    try broker.output(of: ["produce", "a", "--format", "json"], input: lines.map { $0 + "\n" }.joined().utf8)
    let consume = ["--exit-at-end", "--format", "json"]
    let first = try broker.run(["consume", "a"] + consume).lines
    func records(_ lines: [String]) throws -> [InputRecord] {
      try lines.map { line in
        var record = try #require(try RecordJSONReader.record(of: ByteBuffer(string: line)))
        record.partition = nil
        return record
      }
    }
    #expect(try records(first) == records(lines), "seed \(random.seed)")
    let script =
      "\"$0\" consume a --exit-at-end --format json --server $1 | \"$0\" produce b --format json --server $1"
    let pipe = try LiveProcess(
      ["-c", script, Binary.url.path, broker.address], executable: URL(fileURLWithPath: "/bin/sh"))
    #expect(try pipe.wait().text == "produced 200 records\n")
    let second = try broker.run(["consume", "b"] + consume).lines
    #expect(second.map { $0.replacing(#""topic":"b""#, with: #""topic":"a""#) } == first, "seed \(random.seed)")
  }
}
