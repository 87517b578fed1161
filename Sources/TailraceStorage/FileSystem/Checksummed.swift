internal import NIOCore
internal import TailraceWire

/// Protobuf messages in files, whose field 15, a fixed32, comes last and is the CRC-32C of all bytes before it.
enum Checksummed {
  /// Tag of field 15, fixed32, and the number.
  private static let byteCount = 5
  private static let tag: UInt8 = 15 << 3 | 5

  /// The message with its checksum. `message`: encoded, field 15 not set.
  static func seal(_ message: ByteBuffer) -> ByteBuffer {
    var bytes = message
    let checksum = CRC32C.checksum(bytes)
    bytes.writeInteger(tag)
    bytes.writeInteger(checksum, endianness: .little)
    return bytes
  }

  /// The message without its checksum; nil where that does not match.
  static func open(_ bytes: ByteBuffer) -> ByteBuffer? {
    var bytes = bytes
    let length = bytes.readableBytes - byteCount
    guard length >= 0, let message = bytes.readSlice(length: length), bytes.readInteger(as: UInt8.self) == tag,
      bytes.readInteger(endianness: .little, as: UInt32.self) == CRC32C.checksum(message)
    else { return nil }
    return message
  }
}
