/// Protobuf, written by hand: the tests need broken forms too.
enum Proto {
  static func varint(_ value: UInt64, width: Int = 1) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    while rest >= 0x80 || bytes.count + 1 < width {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  static func tag(_ number: UInt64, _ wire: UInt64) -> [UInt8] { varint(number << 3 | wire) }

  static func number(_ field: UInt64, _ value: UInt64) -> [UInt8] { tag(field, 0) + varint(value) }

  static func bytes(_ field: UInt64, _ content: [UInt8], lengthWidth: Int = 1) -> [UInt8] {
    tag(field, 2) + varint(UInt64(content.count), width: lengthWidth) + content
  }

  static func string(_ field: UInt64, _ content: String) -> [UInt8] { bytes(field, Array(content.utf8)) }

  static func fixed64(_ field: UInt64, _ value: UInt64) -> [UInt8] {
    tag(field, 1) + (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }
}
