/// The numbers of JSON as text: their grammar, and their exact value where it is an integer.
enum JSONNumber {
  /// Why a number is not of an integer type.
  enum IntegerError: Error {
    case notIntegral
    case outOfRange
  }

  /// Where the number that begins at `start` ends, or nil where none begins. RFC 8259, section 6.
  static func end(of bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    var offset = start
    func digits() -> Bool {
      let first = offset
      while offset < bytes.count, isDigit(bytes[offset]) { offset += 1 }
      return offset > first
    }
    func take(_ matches: (UInt8) -> Bool) -> Bool {
      guard offset < bytes.count, matches(bytes[offset]) else { return false }
      offset += 1
      return true
    }
    _ = take { $0 == UInt8(ascii: "-") }
    if !take({ $0 == UInt8(ascii: "0") }) {
      guard digits() else { return nil }
    }
    if take({ $0 == UInt8(ascii: ".") }) {
      guard digits() else { return nil }
    }
    if take({ $0 | 0x20 == UInt8(ascii: "e") }) {
      _ = take { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
      guard digits() else { return nil }
    }
    return offset
  }

  /// Whether the whole of `text` is one number.
  static func isNumber(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { end(of: UnsafeRawBufferPointer($0), from: 0) == $0.count }
  }

  static func isNumberByte(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  /// The exact value of a number, which may be written "100", "1e2", "100.0" or "10000e-2".
  ///
  /// - Parameter text: A number of the grammar above.
  static func integer<T: FixedWidthInteger>(_ text: String, as type: T.Type) throws(IntegerError) -> T {
    if let value = T(text) { return value }
    var (digits, exponent, isNegative) = decimal(text)
    while digits.last == 0 {
      digits.removeLast()
      exponent += 1
    }
    guard !digits.isEmpty else { return 0 }
    guard exponent >= 0 else { throw .notIntegral }
    // 2^64 has 20 digits.
    guard digits.count + exponent <= 20 else { throw .outOfRange }
    var value: T = 0
    for digit in digits + Array(repeating: 0, count: exponent) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      // Downwards, since the lowest value has no positive counterpart.
      let (next, carry) =
        isNegative ? product.subtractingReportingOverflow(T(digit)) : product.addingReportingOverflow(T(digit))
      guard !overflow, !carry else { throw .outOfRange }
      value = next
    }
    return value
  }

  /// The digits without leading zeros, and the power of ten of the last one, clamped to what can matter.
  private static func decimal(_ text: String) -> (digits: [UInt8], exponent: Int, isNegative: Bool) {
    var digits: [UInt8] = []
    var fractionDigits = 0
    var sawPoint = false
    var exponent = 0
    var isNegative = false
    let utf8 = text.utf8
    for (index, byte) in zip(utf8.indices, utf8) {
      if byte == UInt8(ascii: "-") {
        isNegative = true
      } else if byte == UInt8(ascii: ".") {
        sawPoint = true
      } else if byte | 0x20 == UInt8(ascii: "e") {
        exponent = clampedExponent(text[utf8.index(after: index)...])
        break
      } else {
        if sawPoint { fractionDigits += 1 }
        if byte != UInt8(ascii: "0") || !digits.isEmpty { digits.append(byte & 0x0f) }
      }
    }
    return (digits, exponent - fractionDigits, isNegative)
  }

  private static func clampedExponent(_ text: Substring) -> Int {
    let bound = 1 << 40
    if let value = Int(text) { return min(max(value, -bound), bound) }
    return text.hasPrefix("-") ? -bound : bound
  }
}
