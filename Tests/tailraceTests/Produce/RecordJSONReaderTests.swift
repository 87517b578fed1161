import NIOCore
import TailraceWire
import Testing

@testable import tailrace

@Suite struct RecordJSONReaderTests {
  private func read(_ json: String) throws -> InputRecord? {
    try RecordJSONReader.record(of: ByteBuffer(string: json))
  }

  @Test func `an empty object is a record without anything`() throws {
    #expect(try read("{}") == InputRecord())
    #expect(try read(#"{"key":null,"value":null,"headers":null,"timestamp":null,"partition":null}"#) == InputRecord())
  }

  @Test func `text and base64 become bytes, and empty is not absent`() throws {
    #expect(try read(#"{"key":"","value":"a\u0000\u00e9"}"#)?.key == ByteBuffer())
    #expect(try read(#"{"value":"a\u0000\u00e9"}"#)?.value == ByteBuffer(bytes: [0x61, 0, 0xC3, 0xA9]))
    #expect(try read(#"{"value":null,"value_base64":"/wA="}"#)?.value == ByteBuffer(bytes: [0xFF, 0]))
    #expect(try read(#"{"key_base64":""}"#)?.key == ByteBuffer())
  }

  @Test func `headers keep their order, repeats and absent values`() throws {
    let record = try read(#"{"headers":[{"key":"a","value":"1"},{"key":"a"},{"key":"b","value_base64":"/w=="}]}"#)
    #expect(
      record?.headers == [
        Header(key: "a", value: ByteBuffer(string: "1")), Header(key: "a"),
        Header(key: "b", value: ByteBuffer(bytes: [0xFF])),
      ])
  }

  @Test(arguments: [("0", 0), ("1700000000000", 1_700_000_000_000), (#""1970-01-01T00:00:01Z""#, 1_000), (#""5""#, 5)])
  func `a timestamp is a number or a time`(json: String, ms: Int64) throws {
    #expect(try read(#"{"timestamp":\#(json)}"#)?.timestampMs == ms)
  }

  @Test func `what consume prints beside that is taken and counts for nothing`() throws {
    let record = try read(#"{"topic":"t","partition":3,"offset":9223372036854775807,"value":"v"}"#)
    #expect(record == InputRecord(value: ByteBuffer(string: "v"), partition: 3))
  }

  @Test(arguments: ["", " ", "\t \r"]) func `blank lines are no records`(line: String) throws {
    #expect(try read(line) == nil)
  }

  @Test(arguments: [
    "[]", "1", "null", "{", "{}{}", #"{"vlaue":"x"}"#, #"{"key":1}"#, #"{"key":"a","key_base64":"YQ=="}"#,
    #"{"key":"a","key":"b"}"#, #"{"value_base64":"%"}"#, #"{"value_base64":"YQ"}"#, #"{"value_base64":"===="}"#,
    #"{"value_base64":1}"#,
    #"{"headers":{}}"#, #"{"headers":[1]}"#, #"{"headers":[{}]}"#, #"{"headers":[{"key":null}]}"#,
    #"{"headers":[{"key":"a\u0000"}]}"#, #"{"headers":[{"key":"a","x":1}]}"#, #"{"timestamp":-1}"#,
    #"{"timestamp":1.5}"#, #"{"timestamp":"soon"}"#, #"{"timestamp":true}"#, #"{"timestamp":9223372036854775808}"#,
    #"{"partition":-1}"#, #"{"partition":4294967296}"#, #"{"partition":"1"}"#, #"{"value":"\ud800"}"#,
  ])
  func `what is no record is refused`(json: String) {
    #expect(throws: InputError.self) { try read(json) }
  }

  @Test func `more headers than a record may have are refused`() throws {
    let header = #"{"key":"k"}"#
    let most = Array(repeating: header, count: 256).joined(separator: ",")
    #expect(try read("{\"headers\":[\(most)]}")?.headers.count == 256)
    #expect(throws: InputError.self) { try read("{\"headers\":[\(most),\(header)]}") }
  }
}
