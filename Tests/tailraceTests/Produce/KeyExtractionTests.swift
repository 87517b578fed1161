import NIOCore
import Testing

@testable import tailrace

@Suite struct KeyExtractionTests {
  private func split(_ line: [UInt8], _ keys: KeyExtraction) -> (key: [UInt8]?, value: [UInt8]?) {
    let record = keys.record(of: ByteBuffer(bytes: line))
    return (record.key.map { Array($0.readableBytesView) }, record.value.map { Array($0.readableBytesView) })
  }

  private func split(_ line: String, _ keys: KeyExtraction) -> (key: String?, value: String?) {
    let (key, value) = split(Array(line.utf8), keys)
    return (key.map { String(decoding: $0, as: UTF8.self) }, value.map { String(decoding: $0, as: UTF8.self) })
  }

  @Test(arguments: [
    ("k=v", "k", "v"), ("k=v=w", "k", "v=w"), ("=v", "", "v"), ("k=", "k", ""), ("=", "", ""), ("none", nil, "none"),
    ("", nil, ""),
  ])
  func `a separator splits at its first occurrence`(line: String, key: String?, value: String) {
    let result = split(line, .separator(Array("=".utf8)))
    #expect(result.key == key)
    #expect(result.value == value)
  }

  @Test func `a separator of several bytes is found whole only`() {
    let keys = KeyExtraction.separator(Array("::".utf8))
    #expect(split("a:b::c", keys) == ("a:b", "c"))
    #expect(split("a:b:", keys) == (nil, "a:b:"))
    #expect(split(":::", keys) == ("", ":"))
  }

  @Test func `a group's capture is the key, and the value is the whole line`() throws {
    let keys = try KeyExtraction.regex(pattern: #"user=(\w+)"#)
    #expect(split("x user=ann y", keys) == ("ann", "x user=ann y"))
    #expect(split("nobody", keys) == (nil, "nobody"))
  }

  @Test func `without a group, the match is the key; a group that took no part gives none`() throws {
    #expect(split("10.0.0.1 - GET", try .regex(pattern: #"^\S+"#)) == ("10.0.0.1", "10.0.0.1 - GET"))
    #expect(split("b", try .regex(pattern: "(a)|b")) == (nil, "b"))
    #expect(split("x", try .regex(pattern: "(a*)")) == ("", "x"))
  }

  @Test func `a line that is not UTF-8 is matched byte by byte, and its key is exact`() throws {
    let line: [UInt8] = [0xFF, 0xE9, 0x20, 0x80]
    let (key, value) = split(line, try .regex(pattern: #"^\S+"#)) as (key: [UInt8]?, value: [UInt8]?)
    #expect(key == [0xFF, 0xE9])
    #expect(value == line)
  }

  @Test func `keys of several scalars are not cut within characters that people see`() throws {
    let (key, _) = split("e\u{301}x", try .regex(pattern: "^.")) as (key: String?, value: String?)
    #expect(key == "e")
  }

  @Test func `what is no expression is refused`() {
    #expect(throws: (any Error).self) { try KeyExtraction.regex(pattern: "(") }
  }
}
