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

    /// The input that stands for these records.
    func encode(_ records: [(key: [UInt8]?, value: [UInt8]?)]) -> [UInt8] {
      records.flatMap { key, value in
        switch name {
        case "length": (hasKeys ? Self.frame(key) : []) + Self.frame(value)
        case "hex": (key.map { Self.hex($0) + [0x3A] } ?? []) + Self.hex(value) + [0x0A]
        case "json": Array("{\(Self.member("key", key)),\(Self.member("value", value))}\n".utf8)
        default: (value ?? []) + (excluded.map { [$0] } ?? [])
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
      return (form.hasKeys ? bytes(form, &random, maxBytes: 50) : nil, value)
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
}
