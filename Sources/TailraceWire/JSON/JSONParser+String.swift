extension JSONParser {
  /// Reads the string whose opening quote is the next byte.
  mutating func parseString() throws(JSONParseError) -> String {
    offset += 1
    let start = offset
    try skipPlainCharacters()
    if bytes[offset] == UInt8(ascii: "\"") {
      let text = try validated(bytes[start..<offset], start: start)
      offset += 1
      return text
    }
    return try parseEscapedString(start: start)
  }

  /// Reads on at the first backslash of the string that begins at `start`.
  private mutating func parseEscapedString(start: Int) throws(JSONParseError) -> String {
    var unescaped = [UInt8](bytes[start..<offset])
    while bytes[offset] != UInt8(ascii: "\"") {
      try parseEscape(into: &unescaped)
      let plainStart = offset
      try skipPlainCharacters()
      unescaped.append(contentsOf: bytes[plainStart..<offset])
    }
    offset += 1
    guard let text = String(validating: unescaped, as: UTF8.self) else {
      throw JSONParseError(kind: .invalidUTF8, offset: start)
    }
    return text
  }

  /// Moves to the next quote or backslash.
  private mutating func skipPlainCharacters() throws(JSONParseError) {
    while true {
      let byte = try peek()
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
      guard byte >= 0x20 else { throw error(.controlCharacter) }
      offset += 1
    }
  }

  private func validated(_ slice: Slice<UnsafeRawBufferPointer>, start: Int) throws(JSONParseError) -> String {
    guard let text = String(validating: UnsafeRawBufferPointer(rebasing: slice), as: UTF8.self) else {
      throw JSONParseError(kind: .invalidUTF8, offset: start)
    }
    return text
  }

  private mutating func parseEscape(into unescaped: inout [UInt8]) throws(JSONParseError) {
    let start = offset
    offset += 1
    let byte = try peek()
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(byte)
    case UInt8(ascii: "b"): unescaped.append(0x08)
    case UInt8(ascii: "f"): unescaped.append(0x0c)
    case UInt8(ascii: "n"): unescaped.append(0x0a)
    case UInt8(ascii: "r"): unescaped.append(0x0d)
    case UInt8(ascii: "t"): unescaped.append(0x09)
    case UInt8(ascii: "u"): unescaped.append(contentsOf: String(Character(try parseScalar(start: start))).utf8)
    default: throw JSONParseError(kind: .invalidEscape, offset: start)
    }
  }

  /// The character of "\uXXXX", or of a pair of them; `start` is the first backslash.
  private mutating func parseScalar(start: Int) throws(JSONParseError) -> Unicode.Scalar {
    let first = UInt32(try parseFourHexDigits())
    if let scalar = Unicode.Scalar(first) { return scalar }
    let loneSurrogate = JSONParseError(kind: .loneSurrogate, offset: start)
    guard first < 0xdc00, try peek() == UInt8(ascii: "\\") else { throw loneSurrogate }
    offset += 1
    guard try peek() == UInt8(ascii: "u") else { throw loneSurrogate }
    offset += 1
    let second = UInt32(try parseFourHexDigits())
    guard (0xdc00...0xdfff).contains(second),
      let scalar = Unicode.Scalar(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    else { throw loneSurrogate }
    return scalar
  }

  private mutating func parseFourHexDigits() throws(JSONParseError) -> UInt16 {
    var result: UInt16 = 0
    for _ in 0..<4 {
      let byte = try peek()
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw error(.invalidEscape)
      }
      result = result << 4 | UInt16(digit)
      offset += 1
    }
    return result
  }
}
