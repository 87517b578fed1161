import NIOCore
import TailraceTestSupport
import TailraceClient
import TailraceWire
import Testing

@testable import tailrace

@Suite struct RecordPrinterTests {
  private func printed(_ record: StoredRecord, _ format: RecordFormat) -> String {
    var printer = RecordPrinter(format: format)
    var output = StandardOutput()
    printer.print(record, of: TopicPartition(topic: "t", partition: 2), to: &output)
    return String(decoding: output.bytes, as: UTF8.self)
  }

  /// A record at offset 7.
  private func record(
    key: ByteBuffer?, value: ByteBuffer?, headers: [Header] = [], timestampMs: Int64 = 9
  ) throws -> StoredRecord {
    var builder = RecordSetBuilder(baseTimestampMs: 0)
    builder.append(key: key, value: value, headers: headers, timestampMs: timestampMs)
    let batch = try builder.build()
    var header = batch.header
    header.baseOffset = Offset(7)
    var reader = try RecordBatchReader(header: header, records: batch.records)
    return try #require(try reader.next())
  }

  @Test func `text is the value and a line feed, an absent value is an empty line`() throws {
    #expect(printed(try record(key: ByteBuffer(string: "k"), value: ByteBuffer(string: "v")), .text) == "v\n")
    #expect(printed(try record(key: nil, value: nil), .text) == "\n")
  }

  @Test func `absent is null, empty is an empty string`() throws {
    #expect(
      printed(try record(key: nil, value: ByteBuffer()), .json)
        == #"{"topic":"t","partition":2,"offset":7,"timestamp":9,"key":null,"value":"","headers":[]}"# + "\n")
  }

  @Test func `bytes that are not UTF-8 come in base64`() throws {
    let headers = [
      Header(key: "a", value: ByteBuffer(bytes: [0xFF])), Header(key: "a", value: nil),
      Header(key: "", value: ByteBuffer(string: "x")),
    ]
    let text = printed(
      try record(key: ByteBuffer(bytes: [0xC3]), value: ByteBuffer(bytes: [0, 0xC3, 0xA9]), headers: headers), .json)
    #expect(
      text == #"{"topic":"t","partition":2,"offset":7,"timestamp":9,"key_base64":"ww==","value":"\u0000é","#
        + #""headers":[{"key":"a","value_base64":"/w=="},{"key":"a","value":null},{"key":"","value":"x"}]}"# + "\n")
  }

  @Test func `what is printed reads back as the same record`() throws {
    var random = SeededGenerator(for: "RecordPrinterTests")
    for _ in 0..<200 {
      let headers = (0..<random.below(4)).map { Header(key: "h\($0)", value: random.bytes()) }
      let original = InputRecord(
        key: random.bytes(), value: random.bytes(), headers: headers, timestampMs: Int64(random.below(1 << 40)),
        partition: 2)
      let stored = try record(
        key: original.key, value: original.value, headers: original.headers, timestampMs: original.timestampMs ?? 0)
      let line = printed(stored, .json)
      #expect(!line.dropLast().contains("\n"))
      #expect(try RecordJSONReader.record(of: ByteBuffer(string: line)) == original, "seed \(random.seed)")
    }
  }
}
