import CTailraceWire
import TailraceTestSupport
import Testing

@Suite("UTF-8")
struct UTF8Tests {
  static let wellFormed: [[UInt8]] = [
    [], Array("plain".utf8), [0x00], [0x41, 0x00, 0x41], [0x7F], [0xC2, 0x80], [0xDF, 0xBF], [0xE0, 0xA0, 0x80],
    [0xED, 0x9F, 0xBF], [0xEE, 0x80, 0x80], [0xEF, 0xBF, 0xBF], [0xF0, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF],
    Array("twelve bytes héé 😀 and more".utf8),
  ]
  static let illFormed: [[UInt8]] = [
    [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xC2, 0xC2], [0xE0, 0x80, 0x80],
    [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xE1, 0x80], [0xE1, 0x80, 0x41], [0xE1, 0x41, 0x80],
    [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80],
    [0xF1, 0x80, 0x80], [0xF1, 0x80, 0x80, 0xC0], [0xFE], [0xFF], [0xF8, 0x88, 0x80, 0x80, 0x80],
  ]

  @Test("accepts well-formed text, wherever it stands", arguments: wellFormed)
  func accepts(text: [UInt8]) {
    for before in 0..<17 {
      let padded = Array(repeating: UInt8(ascii: "x"), count: before) + text
      #expect(trw_is_utf8(padded, padded.count))
    }
  }

  @Test("refuses overlong forms, surrogates, what lies past U+10FFFF and cut sequences", arguments: illFormed)
  func refuses(text: [UInt8]) {
    for before in 0..<17 {
      let padded = Array(repeating: UInt8(ascii: "x"), count: before) + text
      #expect(!trw_is_utf8(padded, padded.count))
      let followed = padded + Array(repeating: UInt8(ascii: "y"), count: 9)
      #expect(!trw_is_utf8(followed, followed.count))
    }
  }

  @Test("agrees with the standard library on random bytes")
  func agreesWithSwift() {
    var generator = SeededGenerator(for: "UTF8")
    let alphabet: [UInt8] = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4]
    for _ in 0..<20_000 {
      let length = Int.random(in: 0...12, using: &generator)
      let text = (0..<length).map { _ in alphabet[Int.random(in: alphabet.indices, using: &generator)] }
      let agrees = trw_is_utf8(text, text.count) == (String(validating: text, as: UTF8.self) != nil)
      #expect(agrees, "\(text)")
    }
  }
}
