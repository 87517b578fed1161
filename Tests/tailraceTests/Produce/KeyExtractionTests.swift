import NIOCore
import Testing

@testable import tailrace

@Suite struct KeyExtractionTests {
  private func split(_ line: [UInt8], _ keys: KeyExtraction) throws -> (key: [UInt8]?, value: [UInt8]?) {
    let record = try keys.record(of: ByteBuffer(bytes: line))
    return (record.key.map { Array($0.readableBytesView) }, record.value.map { Array($0.readableBytesView) })
  }

  private func split(_ line: String, _ keys: KeyExtraction) throws -> (key: String?, value: String?) {
    let (key, value) = try split(Array(line.utf8), keys)
    return (key.map { String(decoding: $0, as: UTF8.self) }, value.map { String(decoding: $0, as: UTF8.self) })
  }

  @Test(arguments: [
    ("k=v", "k", "v"), ("k=v=w", "k", "v=w"), ("=v", "", "v"), ("k=", "k", ""), ("=", "", ""), ("none", nil, "none"),
    ("", nil, ""),
  ])
  func `a separator splits at its first occurrence`(line: String, key: String?, value: String) throws {
    let result = try split(line, .separator(Array("=".utf8)))
    #expect(result.key == key)
    #expect(result.value == value)
  }

  @Test func `a separator of several bytes is found whole only`() throws {
    let keys = KeyExtraction.separator(Array("::".utf8))
    #expect(try split("a:b::c", keys) == ("a:b", "c"))
    #expect(try split("a:b:", keys) == (nil, "a:b:"))
    #expect(try split(":::", keys) == ("", ":"))
  }

  @Test func `a group's capture is the key, and the value is the whole line`() throws {
    let keys = KeyExtraction.regex(try BytePattern(#"user=(\w+)"#))
    #expect(try split("x user=ann y", keys) == ("ann", "x user=ann y"))
    #expect(try split("nobody", keys) == (nil, "nobody"))
  }

  @Test func `without a group, the match is the key; a group that took no part gives none`() throws {
    #expect(try split("10.0.0.1 - GET", .regex(try BytePattern(#"^\S+"#))) == ("10.0.0.1", "10.0.0.1 - GET"))
    #expect(try split("b", .regex(try BytePattern("(a)|b"))) == (nil, "b"))
    #expect(try split("x", .regex(try BytePattern("(a*)"))) == ("", "x"))
  }

  @Test func `a line that is not UTF-8 is matched byte by byte, and its key is exact`() throws {
    let line: [UInt8] = [0xFF, 0xE9, 0x20, 0x80]
    let (key, value) = try split(line, .regex(try BytePattern(#"^\S+"#))) as (key: [UInt8]?, value: [UInt8]?)
    #expect(key == [0xFF, 0xE9])
    #expect(value == line)
  }

  @Test func `keys of several scalars are not cut within characters that people see`() throws {
    let (key, _) = try split("e\u{301}x", .regex(try BytePattern("^."))) as (key: String?, value: String?)
    #expect(key == "e")
  }

  @Test func `what is no expression is refused`() {
    #expect(throws: (any Error).self) { try BytePattern("(") }
  }

  @Test(arguments: [
    (#"{"id":"ann","n":1}"#, "id", "ann"), (#"{"id":7.50}"#, "id", "7.50"), (#"{"id":true}"#, "$.id", "true"),
    (#"{"a":{"b":[{"c":"x"},{"c":"y"}]}}"#, "a.b[1].c", "y"), (#"{"a":{"b":[1,"z"]}}"#, ".a.b", #"[1,"z"]"#),
    (#"["x","y"]"#, "[1]", "y"), (#"{"a.b":"x"}"#, #"["a.b"]"#, "x"), (#"{"a":{"x y":"z"}}"#, #"a["x y"]"#, "z"),
    (#"{"id":null}"#, "id", nil), ("{}", "id", nil), (#"{"a":[1]}"#, "a[1]", nil), (#"{"a":"x"}"#, "a.b", nil),
    ("7", "id", nil),
  ])
  func `a key lies somewhere in a JSON text, which is the value`(line: String, path: String, key: String?) throws {
    let result = try split(line, .field(try #require(JSONPath(path))))
    #expect(result.key == key)
    #expect(result.value == line)
  }

  @Test func `a line that is no JSON text has no key in it, and is refused`() throws {
    let keys = KeyExtraction.field(try #require(JSONPath("id")))
    #expect(throws: InputError.self) { try split("{", keys) as (key: String?, value: String?) }
  }

  @Test(arguments: ["", "$", ".", "a.", "a..b", "a[", "a[x]", "a[-1]", #"["a"#, "[0]x"])
  func `what is no path is refused`(path: String) {
    #expect(JSONPath(path) == nil)
  }
}
