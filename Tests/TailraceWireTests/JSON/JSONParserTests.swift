import NIOCore
import TailraceTestSupport
import Testing

@testable import TailraceWire

@Suite struct JSONParserTests {
  @Test(
    "accepts what RFC 8259 allows",
    arguments: [
      "null", "true", "false", "0", "-0", "1", "-1", "10", "1.5", "-0.0", "1e3", "1E3", "1e+3", "1e-3", "0e1", "0.1e1",
      "123456789012345678901234567890", "\"\"", "\"a\"", "\"\\u0000\"", "\"\\ud83d\\ude00\"",
      "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
      "\"\u{7f}\"", "\"\u{2028}\"", "\"\u{10ffff}\"", "[]", "{}", "[ ]", "{ }", " [1 , 2]\n", "[[],{}]", "{\"a\":1}",
      "{\"a\":1,\"a\":2}", "{\"\":0}", "\t\r\n 1 \t\r\n", "[1,null,\"x\"]",
    ])
  func accepts(_ text: String) throws {
    _ = try JSONParser.parse(text)
  }

  @Test(
    "refuses what RFC 8259 does not allow",
    arguments: [
      "", " ", "nul", "nulll", "True", "NaN", "Infinity", "-Infinity", "-", "+1", "01", "-01", "00", "1.", ".5", "-.5",
      "1e", "1e+", "1.e1", "1.2.3", "0x10", "1_000", "1a", "2.e3", "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"",
      "\"\\u12g4\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\n\"", "\"\\ud800\\ud800\"", "\"\\ud800x\"", "\"\n\"",
      "\"\u{0}\"", "\"\t\"", "'a'", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{", "}", "{\"a\"",
      "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}",
      "{\"a\":1}}", "[1]]", "1 2", "\u{feff}1", "//x\n1", "/**/1", "[1]x", "\u{a0}1", "\u{c}1", "tru", "fals", "[\"a\"",
      "{\"a\":}", "{:1}", "[-]", "\"\\", "\"\\u", "\"\\ud83d\\", "\"\\ud83d\\u",
    ])
  func refuses(_ text: String) {
    #expect(throws: JSONParseError.self) { try JSONParser.parse(text) }
  }

  @Test(
    "refuses strings that are not UTF-8",
    arguments: [
      [0xff], [0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xf4, 0x90, 0x80, 0x80],
      [0xc3], [0x80], [0xe2, 0x82],
    ] as [[UInt8]])
  func refusesInvalidUTF8(_ bytes: [UInt8]) {
    for prefix in ["\"", "\"\\n"] {
      let text = ByteBuffer(bytes: Array(prefix.utf8) + bytes + Array("\"".utf8))
      #expect(throws: JSONParseError(kind: .invalidUTF8, offset: 1)) { try JSONParser.parse(text) }
    }
  }

  @Test func `says where the fault is`() {
    #expect(throws: JSONParseError(kind: .unexpectedByte(UInt8(ascii: "]")), offset: 3)) {
      try JSONParser.parse("[1,]")
    }
    #expect(throws: JSONParseError(kind: .loneSurrogate, offset: 4)) { try JSONParser.parse("[\"ab\\ud800\"]") }
    #expect(throws: JSONParseError(kind: .trailingBytes, offset: 2)) { try JSONParser.parse("1 2") }
    #expect(throws: JSONParseError(kind: .invalidNumber, offset: 2)) { try JSONParser.parse("[01]") }
    #expect(
      JSONParseError(kind: .unexpectedByte(UInt8(ascii: "]")), offset: 3).description == "unexpected ']' (at byte 3)")
  }

  @Test func `keeps numbers as text, members in order and repeated names`() throws {
    let value = try JSONParser.parse(#"{"b":1.50,"a":12345678901234567890,"b":[1e2]}"#)
    #expect(
      value
        == .object([
          JSONMember(name: "b", value: .number("1.50")), JSONMember(name: "a", value: .number("12345678901234567890")),
          JSONMember(name: "b", value: .array([.number("1e2")])),
        ]))
    #expect(value["a"] == .number("12345678901234567890"))
  }

  @Test func `turns escapes into characters`() throws {
    #expect(try JSONParser.parse(#""\u0041\u00e9\ud83d\ude00\n\/x""#) == .string("A\u{e9}\u{1f600}\n/x"))
    #expect(try JSONParser.parse(#""\u0065\u0301""#) == .string("e\u{301}"))
  }

  @Test("refuses deep nesting without running out of stack", arguments: ["[", "{\"a\":", "[{\"a\":"])
  func refusesDeepNesting(_ opening: String) {
    let text = String(repeating: opening, count: 10_000)
    #expect { try JSONParser.parse(text) } throws: { ($0 as? JSONParseError)?.kind == .tooDeep }
  }

  @Test func `nesting up to the limit is accepted`() throws {
    let limits = JSONParser.Limits(maxDepth: 3)
    _ = try JSONParser.parse("[[[1]]]", limits: limits)
    #expect(throws: JSONParseError(kind: .tooDeep, offset: 3)) { try JSONParser.parse("[[[[1]]]]", limits: limits) }
  }

  @Test func `refuses numbers longer than the limit`() throws {
    let limits = JSONParser.Limits(maxNumberBytes: 4)
    _ = try JSONParser.parse("1234", limits: limits)
    #expect(throws: JSONParseError(kind: .numberTooLong, offset: 0)) { try JSONParser.parse("12345", limits: limits) }
  }

  @Test func `whatever it accepts of mutated texts survives writing and reading`() throws {
    var generator = SeededGenerator(for: #function)
    let seeds = [
      #"{"a":[1,2.5e-3,true,null,"x\u00e9\ud83d\ude00"],"b":{"c":"\\\"","d":[]}}"#, "[[[[]]],-0.0,1E+2,\"\"]",
      "{\"k\u{e9}\":\"\u{1f600}\",\"k\":false}",
    ].map { Array($0.utf8) }
    let alphabet = Array("{}[]\",:\\u0123456789eE+-.truefalsn \n\t\u{0}\u{7f}".utf8) + [0x80, 0xc3, 0xed, 0xf0, 0xff]
    var accepted = 0
    for _ in 0..<(environmentNumber("TAILRACE_FUZZ_ITERATIONS") ?? 200_000) {
      var bytes = seeds[Int.random(in: 0..<seeds.count, using: &generator)]
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        let byte = alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
        switch UInt8.random(in: 0..<4, using: &generator) {
        case 0: bytes[index] = byte
        case 1: bytes.insert(byte, at: index)
        case 2: bytes.remove(at: index)
        default: bytes.removeSubrange(index..<min(bytes.count, index + 4))
        }
      }
      guard let value = try? bytes.withUnsafeBytes({ try JSONParser.parse($0) }) else { continue }
      accepted += 1
      var writer = JSONWriter()
      writer.value(value)
      let again = try writer.bytes.withUnsafeBytes { try JSONParser.parse($0) }
      try #require(again == value)
    }
    #expect(accepted > 0)
  }
}

@Suite struct JSONWriterTests {
  @Test func `escapes quotes, backslashes and control characters, and nothing else`() {
    var writer = JSONWriter()
    writer.string("a\"b\\c/\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}\u{e9}\u{2028}")
    #expect(writer.text == "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}\u{e9}\u{2028}\"")
  }

  @Test func `puts commas and lines where they belong`() {
    func write(_ writer: inout JSONWriter) {
      writer.beginObject()
      writer.name("a")
      writer.beginArray()
      writer.integer(1)
      writer.beginObject()
      writer.endObject()
      writer.null()
      writer.endArray()
      writer.name("b")
      writer.bool(true)
      writer.endObject()
    }
    var compact = JSONWriter()
    write(&compact)
    compact.endLine()
    write(&compact)
    #expect(compact.text == "{\"a\":[1,{},null],\"b\":true}\n{\"a\":[1,{},null],\"b\":true}")
    var pretty = JSONWriter(isPretty: true)
    write(&pretty)
    #expect(pretty.text == "{\n  \"a\": [\n    1,\n    {},\n    null\n  ],\n  \"b\": true\n}")
  }

  @Test func `writes the extremes of integers exactly`() {
    var writer = JSONWriter()
    writer.beginArray()
    writer.integer(Int64.min)
    writer.quotedInteger(UInt64.max)
    writer.integer(0)
    writer.integer(Int8.min)
    writer.endArray()
    #expect(writer.text == "[-9223372036854775808,\"18446744073709551615\",0,-128]")
  }

  @Test func `refuses bytes that are not UTF-8 and writes nothing`() {
    var writer = JSONWriter()
    let wrote = [UInt8]([0xff]).withUnsafeBytes { writer.string(utf8: $0) }
    #expect(!wrote && writer.bytes.isEmpty)
    let wroteEmpty = [UInt8]().withUnsafeBytes { writer.string(utf8: $0) }
    #expect(wroteEmpty && writer.text == "\"\"")
  }
}

@Suite struct Base64Tests {
  @Test(
    "decodes either alphabet, padded or not",
    arguments: [
      ("", []), ("AA==", [0]), ("AA", [0]), ("AAA=", [0, 0]), ("AAA", [0, 0]), ("+/8=", [0xfb, 0xff]),
      ("-_8", [0xfb, 0xff]), ("-_8=", [0xfb, 0xff]), ("TWFu", [0x4d, 0x61, 0x6e]),
    ] as [(String, [UInt8])])
  func decodes(_ text: String, _ bytes: [UInt8]) {
    #expect(Base64.decode(text) == bytes)
  }

  @Test(
    "refuses what is not base64",
    arguments: [
      "A", "A===", "AA=", "AAA==", "AAAA=", "=", "==", "A A=", "AA==AA", "AB==", "AAB=", "\u{e9}AA", "AA\n=",
    ])
  func refuses(_ text: String) {
    #expect(Base64.decode(text) == nil)
  }

  @Test func `gives back what it encoded`() {
    var generator = SeededGenerator(for: #function)
    for count in 0..<100 {
      let bytes = generator.bytes(count)
      var text: [UInt8] = []
      bytes.withUnsafeBytes { Base64.append($0, to: &text) }
      #expect(text.count == (count + 2) / 3 * 4)
      #expect(Base64.decode(String(decoding: text, as: UTF8.self)) == bytes)
    }
  }
}
