import NIOCore
import TailraceWire

/// Turns values that are protobuf messages of one type into JSON.
struct PayloadDecoder: Sendable {
  /// Levels of nested messages, inclusive: as many as protobuf's own parsers take.
  static let maxDepth = 100

  private static let options = ProtobufJSON.EncodingOptions(maxDepth: maxDepth, maxOutputBytes: 64 << 20)

  private let type: MessageDescriptor

  init(_ type: MessageDescriptor) { self.type = type }

  /// The JSON form, on one line.
  func text(of value: ByteBuffer) throws(JSONMappingError) -> ByteBuffer {
    var writer = JSONWriter()
    try write(value, to: &writer)
    return ByteBuffer(bytes: writer.bytes)
  }

  /// Appends the JSON form as one value. After an error `writer` holds a part of it.
  func write(_ value: ByteBuffer, to writer: inout JSONWriter) throws(JSONMappingError) {
    try ProtobufJSON.encode(value, as: type, options: Self.options, into: &writer)
  }
}
