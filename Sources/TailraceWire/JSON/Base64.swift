package import NIOCore

/// Base64 as the JSON form of `bytes` has it: RFC 4648, sections 4 and 5.
package enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// The value of each byte in either alphabet; 255 where it has none.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, byte) in alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
    values[Int(UInt8(ascii: "-"))] = 62
    values[Int(UInt8(ascii: "_"))] = 63
    return values
  }()

  /// Appends the padded form of `bytes` in the standard alphabet.
  package static func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    let alphabet = alphabet
    let whole = bytes.count / 3 * 3
    output.reserveCapacity(output.count + (bytes.count + 2) / 3 * 4)
    var index = 0
    while index < whole {
      let group = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
      output.append(alphabet[Int(group >> 18)])
      output.append(alphabet[Int(group >> 12 & 63)])
      output.append(alphabet[Int(group >> 6 & 63)])
      output.append(alphabet[Int(group & 63)])
      index += 3
    }
    guard index < bytes.count else { return }
    let hasTwo = bytes.count - index == 2
    let group = UInt32(bytes[index]) << 16 | (hasTwo ? UInt32(bytes[index + 1]) << 8 : 0)
    output.append(alphabet[Int(group >> 18)])
    output.append(alphabet[Int(group >> 12 & 63)])
    output.append(hasTwo ? alphabet[Int(group >> 6 & 63)] : UInt8(ascii: "="))
    output.append(UInt8(ascii: "="))
  }

  /// The form of `bytes` in the standard alphabet, with padding or without.
  package static func encoded(_ bytes: ByteBuffer, isPadded: Bool = true) -> String {
    var output: [UInt8] = []
    bytes.withUnsafeReadableBytes { append($0, to: &output) }
    if !isPadded { while output.last == UInt8(ascii: "=") { output.removeLast() } }
    return String(decoding: output, as: UTF8.self)
  }

  /// The bytes of `text`, which may use either alphabet, with padding or without; nil where it is neither, or where
  /// the bits that no byte uses are not zero.
  package static func decode(_ text: String) -> [UInt8]? {
    var text = text
    return text.withUTF8 { decode($0) }
  }

  private static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var count = text.count
    while count > 0, text.count - count < 2, text[count - 1] == UInt8(ascii: "=") { count -= 1 }
    guard count % 4 != 1, count == text.count || text.count % 4 == 0 else { return nil }
    let values = values
    var result: [UInt8] = []
    result.reserveCapacity(count / 4 * 3 + 2)
    var bits: UInt32 = 0
    var bitCount = 0
    for index in 0..<count {
      let value = values[Int(text[index])]
      guard value < 64 else { return nil }
      bits = bits << 6 | UInt32(value)
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        result.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
        bits &= (1 << UInt32(bitCount)) - 1
      }
    }
    return bits == 0 ? result : nil
  }
}
