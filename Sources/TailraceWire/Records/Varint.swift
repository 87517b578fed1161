package import NIOCore

/// Base-128 numbers of the protobuf wire format.
enum Varint {
  /// Bytes that `value` takes: 1 to 10.
  static func byteCount(_ value: UInt64) -> Int {
    (64 - (value | 1).leadingZeroBitCount + 6) / 7
  }

  /// Hands the bytes of `value` to `put`, one by one.
  static func forEachByte(of value: UInt64, _ put: (UInt8) -> Void) {
    var rest = value
    while rest >= 0x80 {
      put(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    put(UInt8(truncatingIfNeeded: rest))
  }
}

/// Signed numbers as protobuf's `sint64` has them: small absolute values are short.
enum ZigZag {
  static func encode(_ value: Int64) -> UInt64 {
    UInt64(bitPattern: (value << 1) ^ (value >> 63))
  }
}

extension ByteBuffer {
  /// Writes `value` as a varint.
  package mutating func writeVarint(_ value: UInt64) {
    Varint.forEachByte(of: value) { writeInteger($0) }
  }
}
