import NIOCore

/// A JSON text among others.
struct JSONText: Equatable {
  /// Without what is around it. Whether it is one the parser finds out.
  let bytes: ByteBuffer
  /// Counted from 1.
  let number: Int
  /// Of its first byte in the whole input, counted from 1.
  let line: Int
}

/// Takes JSON texts apart that follow one another, with white space between them or none: on lines of their own, several on a
/// line, or each on several lines.
///
/// Looks for where texts end, and no closer: objects and arrays at their last bracket, anything else at white space or the
/// next bracket.
struct JSONTextSplitter {
  /// Longest text, in bytes, inclusive.
  let maxBytes: Int
  private var text = ByteBuffer()
  private var state = State.between
  private var depth = 0
  private var line = 1
  private var startLine = 1
  private var count = 0

  private enum State {
    case between, inBrackets, inString, afterBackslash, inWord
  }

  struct TooLong: Error {}

  init(maxBytes: Int) { self.maxBytes = maxBytes }

  /// Takes bytes off the front of `input`: as far as the end of a text, which is returned, else all, and returns nil.
  mutating func next(_ input: inout ByteBuffer) throws(TooLong) -> JSONText? {
    var used = 0
    var isWhole = false
    for byte in input.readableBytesView {
      if state == .inWord, isSpace(byte) || isBracket(byte) {
        isWhole = true
        break
      }
      used += 1
      take(byte)
      if state == .inBrackets && depth == 0 {
        isWhole = true
        break
      }
    }
    // White space before a text is taken off again: only what is in it counts.
    if var piece = input.readSlice(length: used) { text.writeBuffer(&piece) }
    if count == 0 || state == .between { trim() }
    guard text.readableBytes <= maxBytes else { throw TooLong() }
    return isWhole ? finished() : nil
  }

  /// What is left at the end of the input, whole or not; nil where there is only white space.
  mutating func end() -> JSONText? {
    state == .between ? nil : finished()
  }

  private mutating func take(_ byte: UInt8) {
    if byte == UInt8(ascii: "\n") { line += 1 }
    switch state {
    case .between:
      guard !isSpace(byte) else { return }
      startLine = line
      begin(byte)
    case .inBrackets:
      switch byte {
      case UInt8(ascii: "\""): state = .inString
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
    case .inString:
      if byte == UInt8(ascii: "\\") { state = .afterBackslash }
      if byte == UInt8(ascii: "\"") { state = .inBrackets }
    case .afterBackslash: state = .inString
    case .inWord: break
    }
  }

  private mutating func begin(_ byte: UInt8) {
    let isOpening = byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[")
    (state, depth) = isOpening ? (.inBrackets, 1) : (.inWord, 0)
  }

  private mutating func finished() -> JSONText {
    trim()
    count += 1
    defer {
      text = ByteBuffer()
      state = .between
    }
    return JSONText(bytes: text, number: count, line: startLine)
  }

  /// Takes white space off the front.
  private mutating func trim() {
    let spaces = text.readableBytesView.prefix(while: isSpace).count
    text.moveReaderIndex(forwardBy: spaces)
  }
}

private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

private func isBracket(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") }
