internal import NIOCore
internal import TailraceWire

/// The bytes of a protobuf message of somebody else's schema, field by field: those of gRPC's own services are few.
struct ProtobufBytes {
  private(set) var bytes = ByteBuffer()

  mutating func add(_ field: UInt32, _ value: UInt64) {
    bytes.writeVarint(UInt64(field) << 3)
    bytes.writeVarint(value)
  }

  mutating func add(_ field: UInt32, _ value: String) { add(field, ByteBuffer(string: value)) }

  /// Bytes, or a message.
  mutating func add(_ field: UInt32, _ value: ByteBuffer) {
    bytes.writeVarint(UInt64(field) << 3 | 2)
    bytes.writeVarint(UInt64(value.readableBytes))
    bytes.writeImmutableBuffer(value)
  }
}
