/// Writes one JSON text, or several, each into the same growing array of UTF-8.
///
/// Commas and indentation come by themselves; that names and values alternate in objects, and that brackets match, is
/// the caller's part. Not thread-safe.
package struct JSONWriter {
  /// What was written. Take it, or clear it with `removeAll()`.
  package private(set) var bytes: [UInt8] = []
  /// Whether each member and element gets a line of its own.
  package let isPretty: Bool
  private var depth = 0
  /// Whether a value stands before the next one in the same bracket.
  private var needsComma = false
  /// Whether a name was just written.
  private var followsName = false

  package init(isPretty: Bool = false) {
    self.isPretty = isPretty
  }

  /// The text as a string.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Starts over; the memory is kept.
  package mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    depth = 0
    needsComma = false
    followsName = false
  }

  /// Ends a text with a line feed, so that the next one begins on a line of its own.
  package mutating func endLine() {
    bytes.append(0x0a)
    depth = 0
    needsComma = false
    followsName = false
  }

  package mutating func beginObject() { open(UInt8(ascii: "{")) }
  package mutating func endObject() { close(UInt8(ascii: "}")) }
  package mutating func beginArray() { open(UInt8(ascii: "[")) }
  package mutating func endArray() { close(UInt8(ascii: "]")) }

  /// Writes the name of the next member.
  package mutating func name(_ name: String) {
    separate()
    Self.appendQuoted(name, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
    endName()
  }

  /// Writes a name that `encodedKey` made.
  mutating func encodedName(_ key: [UInt8]) {
    separate()
    bytes.append(contentsOf: key)
    endName()
  }

  package mutating func null() { literal("null") }
  package mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

  package mutating func string(_ value: String) {
    separate()
    Self.appendQuoted(value, to: &bytes)
    needsComma = true
  }

  /// Writes `utf8` as a string, or nothing and returns false where it is not UTF-8.
  package mutating func string(utf8: UnsafeRawBufferPointer) -> Bool {
    let isValid = utf8.withMemoryRebound(to: UInt8.self) { (try? UTF8Span(validating: $0.span)) != nil }
    guard isValid else { return false }
    separate()
    Self.appendQuoted(utf8, to: &bytes)
    needsComma = true
    return true
  }

  /// Writes `value` as padded base64 in the standard alphabet.
  package mutating func base64(_ value: UnsafeRawBufferPointer) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    Base64.append(value, to: &bytes)
    bytes.append(UInt8(ascii: "\""))
    needsComma = true
  }

  package mutating func integer(_ value: some FixedWidthInteger) {
    separate()
    appendDigits(value)
    needsComma = true
  }

  /// Writes an integer as a string: what JavaScript's numbers would round.
  package mutating func quotedInteger(_ value: some FixedWidthInteger) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    appendDigits(value)
    bytes.append(UInt8(ascii: "\""))
    needsComma = true
  }

  /// Writes the shortest digits that read back as the same value; "NaN", "Infinity" and "-Infinity" as strings.
  package mutating func double(_ value: Double) {
    floatingPoint(value.description, isNaN: value.isNaN, isInfinite: value.isInfinite, isNegative: value < 0)
  }

  /// As `double`, with the digits that a `Float` needs.
  package mutating func float(_ value: Float) {
    floatingPoint(value.description, isNaN: value.isNaN, isInfinite: value.isInfinite, isNegative: value < 0)
  }

  /// Writes a tree as it was parsed.
  package mutating func value(_ value: JSONValue) {
    switch value {
    case .null: null()
    case .bool(let value): bool(value)
    case .number(let text): literal(text)
    case .string(let text): string(text)
    case .array(let elements):
      beginArray()
      for element in elements { self.value(element) }
      endArray()
    case .object(let members):
      beginObject()
      for member in members {
        name(member.name)
        self.value(member.value)
      }
      endObject()
    }
  }
}

// MARK: Punctuation

extension JSONWriter {
  private mutating func separate() {
    if followsName {
      followsName = false
      return
    }
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    if depth > 0 { breakLine() }
  }

  private mutating func endName() {
    if isPretty { bytes.append(0x20) }
    followsName = true
  }

  private mutating func breakLine() {
    guard isPretty else { return }
    bytes.append(0x0a)
    bytes.append(contentsOf: repeatElement(0x20, count: 2 * depth))
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    depth += 1
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    depth = max(0, depth - 1)
    if needsComma { breakLine() }
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func literal(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
    needsComma = true
  }

  private mutating func floatingPoint(_ digits: String, isNaN: Bool, isInfinite: Bool, isNegative: Bool) {
    if isNaN { return string("NaN") }
    if isInfinite { return string(isNegative ? "-Infinity" : "Infinity") }
    // "-0" is a whole number to some readers, and those have no negative zero.
    literal(digits.hasSuffix(".0") && digits != "-0.0" ? String(digits.dropLast(2)) : digits)
  }

  private mutating func appendDigits<T: FixedWidthInteger>(_ value: T) {
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    var rest = value.magnitude
    let start = bytes.count
    repeat {
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit))
      rest = quotient
    } while rest != 0
    bytes[start...].reverse()
  }
}

// MARK: Strings

extension JSONWriter {
  /// `name` in quotes, with a colon.
  static func encodedKey(_ name: String) -> [UInt8] {
    var key: [UInt8] = []
    appendQuoted(name, to: &key)
    key.append(UInt8(ascii: ":"))
    return key
  }

  private static func appendQuoted(_ text: String, to output: inout [UInt8]) {
    var text = text
    text.withUTF8 { appendQuoted(UnsafeRawBufferPointer($0), to: &output) }
  }

  /// Copies runs of plain characters; escapes quotes, backslashes and what is below U+0020.
  private static func appendQuoted(_ utf8: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    var start = 0
    for (index, byte) in utf8.enumerated()
    where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
      output.append(contentsOf: utf8[start..<index])
      appendEscape(of: byte, to: &output)
      start = index + 1
    }
    output.append(contentsOf: utf8[start...])
    output.append(UInt8(ascii: "\""))
  }

  private static func appendEscape(of byte: UInt8, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(byte)
    case 0x08: output.append(UInt8(ascii: "b"))
    case 0x0c: output.append(UInt8(ascii: "f"))
    case 0x0a: output.append(UInt8(ascii: "n"))
    case 0x0d: output.append(UInt8(ascii: "r"))
    case 0x09: output.append(UInt8(ascii: "t"))
    default:
      output.append(contentsOf: "u00".utf8)
      output.append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
      let low = byte & 0x0f
      output.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
    }
  }
}
