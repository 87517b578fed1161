package import NIOCore

/// A strict reader of JSON texts: exactly what RFC 8259 allows, in UTF-8 without a byte order mark.
///
/// Nothing traps and the stack stays bounded, whatever the input. The tree takes at most some twenty times the memory
/// of the text, so callers bound the text. Source: https://www.rfc-editor.org/rfc/rfc8259
package struct JSONParser {
  package struct Limits: Hashable, Sendable {
    /// Arrays and objects in each other, inclusive; 0 allows only plain values.
    package var maxDepth: Int
    /// Longest number, in bytes, inclusive.
    package var maxNumberBytes: Int

    package init(maxDepth: Int = 128, maxNumberBytes: Int = 1024) {
      self.maxDepth = maxDepth
      self.maxNumberBytes = maxNumberBytes
    }

    /// 128 levels, numbers of 1 KiB.
    package static let `default` = Limits()
  }

  let bytes: UnsafeRawBufferPointer
  let limits: Limits
  /// Next byte to read.
  var offset = 0

  private init(_ bytes: UnsafeRawBufferPointer, limits: Limits) {
    self.bytes = bytes
    self.limits = limits
  }

  /// Parses one JSON text with nothing but whitespace around it.
  package static func parse(
    _ bytes: UnsafeRawBufferPointer, limits: Limits = .default
  ) throws(JSONParseError) -> JSONValue {
    var parser = JSONParser(bytes, limits: limits)
    parser.skipWhitespace()
    let value = try parser.parseValue(depth: 0)
    parser.skipWhitespace()
    guard parser.offset == bytes.count else { throw parser.error(.trailingBytes) }
    return value
  }

  /// Parses the readable bytes of `buffer`.
  package static func parse(_ buffer: ByteBuffer, limits: Limits = .default) throws(JSONParseError) -> JSONValue {
    try buffer.withUnsafeReadableBytes { bytes in
      Result { () throws(JSONParseError) in try parse(bytes, limits: limits) }
    }.get()
  }

  /// Parses the UTF-8 of `text`.
  package static func parse(_ text: String, limits: Limits = .default) throws(JSONParseError) -> JSONValue {
    var text = text
    return try text.withUTF8 { utf8 in
      Result { () throws(JSONParseError) in try parse(UnsafeRawBufferPointer(utf8), limits: limits) }
    }.get()
  }

  private mutating func parseValue(depth: Int) throws(JSONParseError) -> JSONValue {
    switch try peek() {
    case UInt8(ascii: "{"): return .object(try parseObject(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try parseArray(depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"):
      try expect("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try expect("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try expect("null")
      return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try parseNumber())
    case let byte: throw error(.unexpectedByte(byte))
    }
  }

  private mutating func parseObject(depth: Int) throws(JSONParseError) -> [JSONMember] {
    guard depth <= limits.maxDepth else { throw error(.tooDeep) }
    offset += 1
    skipWhitespace()
    var members: [JSONMember] = []
    if try consume(UInt8(ascii: "}")) { return members }
    while true {
      let byte = try peek()
      guard byte == UInt8(ascii: "\"") else { throw error(.unexpectedByte(byte)) }
      let name = try parseString()
      skipWhitespace()
      try require(UInt8(ascii: ":"))
      skipWhitespace()
      members.append(JSONMember(name: name, value: try parseValue(depth: depth)))
      skipWhitespace()
      if try consume(UInt8(ascii: "}")) { return members }
      try require(UInt8(ascii: ","))
      skipWhitespace()
    }
  }

  private mutating func parseArray(depth: Int) throws(JSONParseError) -> [JSONValue] {
    guard depth <= limits.maxDepth else { throw error(.tooDeep) }
    offset += 1
    skipWhitespace()
    var elements: [JSONValue] = []
    if try consume(UInt8(ascii: "]")) { return elements }
    while true {
      elements.append(try parseValue(depth: depth))
      skipWhitespace()
      if try consume(UInt8(ascii: "]")) { return elements }
      try require(UInt8(ascii: ","))
      skipWhitespace()
    }
  }

  private mutating func parseNumber() throws(JSONParseError) -> String {
    let start = offset
    guard let end = JSONNumber.end(of: bytes, from: start) else { throw error(.invalidNumber) }
    guard end - start <= limits.maxNumberBytes else { throw error(.numberTooLong) }
    offset = end
    // A digit, a dot or a letter here would make another number of it: "01", "1.2.3".
    if end < bytes.count, JSONNumber.isNumberByte(bytes[end]) { throw error(.invalidNumber) }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }
}

// MARK: Bytes

extension JSONParser {
  func error(_ kind: JSONParseError.Kind) -> JSONParseError {
    JSONParseError(kind: kind, offset: offset)
  }

  func peek() throws(JSONParseError) -> UInt8 {
    guard offset < bytes.count else { throw error(.unexpectedEnd) }
    return bytes[offset]
  }

  private mutating func skipWhitespace() {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x09, 0x0a, 0x0d: offset += 1
      default: return
      }
    }
  }

  private mutating func consume(_ byte: UInt8) throws(JSONParseError) -> Bool {
    guard try peek() == byte else { return false }
    offset += 1
    return true
  }

  private mutating func require(_ byte: UInt8) throws(JSONParseError) {
    let found = try peek()
    guard found == byte else { throw error(.unexpectedByte(found)) }
    offset += 1
  }

  private mutating func expect(_ literal: StaticString) throws(JSONParseError) {
    for index in 0..<literal.utf8CodeUnitCount { try require(literal.utf8Start[index]) }
  }
}
