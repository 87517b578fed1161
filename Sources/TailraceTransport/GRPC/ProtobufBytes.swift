package import NIOCore
package import TailraceWire

/// The bytes of a protobuf message of somebody else's schema, field by field: those of gRPC's own services are few.
package struct ProtobufBytes {
  package private(set) var bytes = ByteBuffer()

  package init() {}

  package mutating func add(_ field: UInt32, _ value: UInt64) {
    bytes.writeVarint(UInt64(field) << 3)
    bytes.writeVarint(value)
  }

  package mutating func add(_ field: UInt32, _ value: String) { add(field, ByteBuffer(string: value)) }

  /// Bytes, or a message.
  package mutating func add(_ field: UInt32, _ value: ByteBuffer) {
    bytes.writeVarint(UInt64(field) << 3 | 2)
    bytes.writeVarint(UInt64(value.readableBytes))
    bytes.writeImmutableBuffer(value)
  }
}

extension ByteBuffer {
  /// Shows each field of the protobuf message that the bytes are; false where they are none.
  package func forEachField(_ body: (UInt32, WireValue) -> Void) -> Bool {
    withUnsafeReadableBytes { bytes in
      var reader = WireReader(bytes)
      do throws(WireError) {
        while let field = try reader.nextField() { body(field.number, field.value) }
        return true
      } catch {
        return false
      }
    }
  }
}
