import NIOCore

@testable import TailraceWire

/// A protobuf message, written by hand.
struct WireBuilder {
  private(set) var buffer = ByteBuffer()

  mutating func varint(_ number: UInt32, _ value: UInt64) {
    raw(UInt64(number) << 3)
    raw(value)
  }

  mutating func fixed64(_ number: UInt32, _ value: UInt64) {
    raw(UInt64(number) << 3 | 1)
    buffer.writeInteger(value, endianness: .little)
  }

  mutating func fixed32(_ number: UInt32, _ value: UInt32) {
    raw(UInt64(number) << 3 | 5)
    buffer.writeInteger(value, endianness: .little)
  }

  mutating func bytes(_ number: UInt32, _ value: some Collection<UInt8>) {
    raw(UInt64(number) << 3 | 2)
    raw(UInt64(value.count))
    buffer.writeBytes(value)
  }

  mutating func string(_ number: UInt32, _ value: String) {
    bytes(number, value.utf8)
  }

  mutating func message(_ number: UInt32, _ build: (inout WireBuilder) -> Void) {
    var body = WireBuilder()
    build(&body)
    bytes(number, body.buffer.readableBytesView)
  }

  mutating func little(_ value: some FixedWidthInteger) {
    buffer.writeInteger(value, endianness: .little)
  }

  mutating func append(_ value: some Sequence<UInt8>) {
    buffer.writeBytes(value)
  }

  mutating func raw(_ varint: UInt64) {
    var rest = varint
    while rest >= 0x80 {
      buffer.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    buffer.writeInteger(UInt8(truncatingIfNeeded: rest))
  }
}

/// A message of the wire format, built by `build`.
func wire(_ build: (inout WireBuilder) -> Void) -> ByteBuffer {
  var builder = WireBuilder()
  build(&builder)
  return builder.buffer
}

func pool(_ set: ByteBuffer) throws(DescriptorError) -> DescriptorPool {
  try set.withUnsafeReadableBytes { bytes in
    Result { () throws(DescriptorError) in try DescriptorPool(serialized: bytes) }
  }.get()
}

/// A schema with every kind of field, which the package's own ones do not all have:
///
///     enum Color { RED = 0; GREEN = 1; VERT = 1; BLUE = -5; }
///     message All {
///       double f_double = 1; ... sint64 f_sint64 = 18;  // each type at its number in descriptor.proto
///       repeated <the same> r_... = 101 to 118;
///       optional int32 o_int32 = 201; optional string o_string = 202;
///       oneof choice { int32 c_int32 = 211; string c_string = 212; All c_all = 213; }
///       repeated int32 unpacked = 221 [packed = false];
///     }
enum AllKinds {
  static let names = [
    1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 7: "fixed32", 8: "bool", 9: "string",
    11: "message", 12: "bytes", 13: "uint32", 14: "enum", 15: "sfixed32", 16: "sfixed64", 17: "sint32", 18: "sint64",
  ]

  static let set: ByteBuffer = wire { set in
    set.message(1) { file in
      file.string(1, "all.proto")
      file.string(2, "test")
      file.string(12, "proto3")
      file.message(4) { message in
        message.string(1, "All")
        for (type, name) in names.sorted(by: { $0.key < $1.key }) {
          field(&message, "f_\(name)", number: UInt64(type), type: UInt64(type))
          field(&message, "r_\(name)", number: UInt64(type) + 100, type: UInt64(type), label: 3)
        }
        field(&message, "o_int32", number: 201, type: 5, oneof: 1, isProto3Optional: true)
        field(&message, "o_string", number: 202, type: 9, oneof: 2, isProto3Optional: true)
        field(&message, "c_int32", number: 211, type: 5, oneof: 0)
        field(&message, "c_string", number: 212, type: 9, oneof: 0)
        field(&message, "c_all", number: 213, type: 11, oneof: 0)
        field(&message, "unpacked", number: 221, type: 5, label: 3, packed: false)
        for name in ["choice", "_o_int32", "_o_string"] { message.message(8) { $0.string(1, name) } }
      }
      file.message(5) { type in
        type.string(1, "Color")
        for (name, number) in [("RED", 0), ("GREEN", 1), ("VERT", 1), ("BLUE", -5)] as [(String, Int64)] {
          type.message(2) {
            $0.string(1, name)
            $0.varint(2, UInt64(bitPattern: number))
          }
        }
      }
    }
  }

  static func descriptor() throws -> MessageDescriptor {
    let pool = try pool(set)
    guard let message = pool.message(named: "test.All") else {
      throw DescriptorError.unknownType("test.All", usedBy: "")
    }
    return message
  }

  static func field(
    _ message: inout WireBuilder, _ name: String, number: UInt64, type: UInt64, label: UInt64 = 1,
    oneof: UInt64? = nil, isProto3Optional: Bool = false, packed: Bool? = nil, typeName: String? = nil
  ) {
    message.message(2) { field in
      field.string(1, name)
      field.varint(3, number)
      field.varint(4, label)
      field.varint(5, type)
      if let typeName {
        field.string(6, typeName)
      } else if type == 11 {
        field.string(6, ".test.All")
      } else if type == 14 {
        field.string(6, ".test.Color")
      }
      if let packed { field.message(8) { $0.varint(2, packed ? 1 : 0) } }
      if let oneof { field.varint(9, oneof) }
      if isProto3Optional { field.varint(17, 1) }
    }
  }
}
