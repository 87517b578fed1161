import NIOCore
import TailraceClient
import TailraceTestSupport
import TailraceWire
import Testing

@testable import tailrace

@Suite struct RecordPrinterTests {
  private func printed(
    _ record: ConsumerRecord, _ format: RecordOutputFormat, _ change: (inout RecordPrinter) -> Void = { _ in }
  ) throws -> String {
    var printer = RecordPrinter(format: format)
    change(&printer)
    var output = StandardOutput()
    _ = try printer.print(record, to: &output)
    return String(decoding: output.bytes, as: UTF8.self)
  }

  /// A record at offset 7.
  private func record(
    key: ByteBuffer?, value: ByteBuffer?, headers: [RecordHeader] = [], timestampMs: Int64 = 9
  ) -> ConsumerRecord {
    ConsumerRecord(
      topic: "t", partition: 2, offset: 7, timestampMs: timestampMs, key: key, value: value, headers: headers)
  }

  private func text(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

  @Test func `text is the value and a line feed, an absent value is an empty line`() throws {
    #expect(try printed(record(key: ByteBuffer(string: "k"), value: ByteBuffer(string: "v")), .text) == "v\n")
    #expect(try printed(record(key: nil, value: nil), .text) == "\n")
  }

  @Test func `absent is null, empty is an empty string`() throws {
    #expect(
      try printed(record(key: nil, value: ByteBuffer()), .json)
        == #"{"topic":"t","partition":2,"offset":7,"timestamp":9,"key":null,"value":"","headers":[]}"# + "\n")
  }

  @Test func `bytes that are not UTF-8 come in base64`() throws {
    let headers = [
      RecordHeader("a", ByteBuffer(bytes: [0xFF])), RecordHeader("a", nil),
      RecordHeader("", "x"),
    ]
    let text = try printed(
      record(key: ByteBuffer(bytes: [0xC3]), value: ByteBuffer(bytes: [0, 0xC3, 0xA9]), headers: headers), .json)
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
      let stored = record(
        key: original.key, value: original.value, headers: headers.map { RecordHeader($0.key, $0.value) },
        timestampMs: original.timestampMs ?? 0)
      let line = try printed(stored, .json)
      #expect(!line.dropLast().contains("\n"))
      #expect(try RecordJSONReader.record(of: ByteBuffer(string: line)) == original, "seed \(random.seed)")
    }
  }

  @Test func `a separator and the key stand before the value where there is a key`() throws {
    let (with, without) = (record(key: text("k"), value: text("v")), record(key: nil, value: text("v")))
    for (format, line, bare) in [
      (RecordOutputFormat.text, "k: v\n", "v\n"), (.raw, "k: v", "v"), (.hex, "6b: 76\n", "76\n"),
    ] {
      #expect(try printed(with, format) { $0.keySeparator = Array(": ".utf8) } == line)
      #expect(try printed(without, format) { $0.keySeparator = Array(": ".utf8) } == bare)
    }
    #expect(try printed(with, .nul) == "v\0")
    #expect(try printed(record(key: nil, value: nil), .hex) == "-\n")
  }

  @Test func `lengths are four bytes, all ones for what is absent`() throws {
    var printer = RecordPrinter(format: .lengths(isKeyed: true))
    var output = StandardOutput()
    _ = try printer.print(record(key: nil, value: text("ab")), to: &output)
    #expect(output.bytes == [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 2, 0x61, 0x62])
  }

  @Test func `a template has places for all that a record has`() throws {
    let record = record(key: text("k"), value: text("vv"), headers: [RecordHeader("a", "1"), RecordHeader("b", nil)])
    let template = try RecordTemplate(#"%t[%p]@%o %T %D %k[%K]=%v[%S] %h 100%%\t\x41\\\n"#)
    #expect(
      try printed(record, .template(template))
        == "t[2]@7 9 1970-01-01T00:00:00.009Z k[1]=vv[2] a=1,b= 100%\tA\\\n")
    #expect(try printed(self.record(key: nil, value: nil), .template(RecordTemplate("%k|%K|%v|%S"))) == "|-1||-1")
  }

  @Test(arguments: ["%", "%x", "%k%", #"\q%k"#, #"%k\"#, #"%k\x4"#, #"%k\xgg"#, #"%k\x-1"#])
  func `what is no template is refused`(text: String) {
    #expect(throws: RecordTemplate.Failure.self) { try RecordTemplate(text) }
  }

  @Test func `only records that meet all that is asked are printed and counted`() throws {
    let wanted = record(
      key: text("k"), value: text("an order"), headers: [RecordHeader("a", "1"), RecordHeader("b", "2")])
    var filter = RecordFilter(key: text("k"), value: try BytePattern("^an?"))
    filter.headers = try ["a", "b=2"].map { try #require(HeaderFilter(argument: $0)) }
    var printer = RecordPrinter(format: .text)
    printer.filter = filter
    var output = StandardOutput()
    #expect(try printer.print(wanted, to: &output))
    var others = [wanted, wanted, wanted, wanted, wanted]
    others[0].key = nil
    others[1].value = text("the order")
    others[2].value = nil
    others[3].headers.removeFirst()
    others[4].headers[1].value = nil
    for other in others { #expect(try !printer.print(other, to: &output)) }
    #expect(printer.count == 1)
    #expect(String(decoding: output.bytes, as: UTF8.self) == "an order\n")
  }

  @Test func `colours change nothing but how it looks`() throws {
    var random = SeededGenerator(for: "RecordPrinterTests.colours")
    for _ in 0..<200 {
      let record = record(key: random.bytes(), value: random.bytes(), headers: [RecordHeader("h", random.bytes())])
      let plain = try printed(record, .json)
      let coloured = try printed(record, .json) { $0.palette = Palette() }
      #expect(coloured != plain)
      #expect(coloured.replacing(/\u{1B}\[[0-9;]*m/, with: "") == plain, "seed \(random.seed)")
    }
  }
}
