public import NIOCore
public import SwiftProtobuf
public import TailraceClient

/// A message that SwiftProtobuf's plugin has generated, in protobuf's binary form.
public struct ProtobufCodec<Value: Message & Sendable>: Codec {
  private let options: BinaryDecodingOptions

  /// A codec for messages of `type`. `options`: bounds of what is read, such as how deep messages may be nested.
  public init(_ type: Value.Type = Value.self, options: BinaryDecodingOptions = BinaryDecodingOptions()) {
    self.options = options
  }

  /// Appends the message. Throws what SwiftProtobuf throws, such as where a required field is missing.
  public func encode(_ value: Value, into buffer: inout ByteBuffer) throws {
    let bytes: BufferBytes = try value.serializedBytes()
    buffer.writeImmutableBuffer(bytes.buffer)
  }

  /// Reads one message of all of `buffer`. Throws what SwiftProtobuf throws. Fields that are not known are kept.
  public func decode(_ buffer: ByteBuffer) throws -> Value {
    try Value(serializedBytes: BufferBytes(buffer), options: options)
  }
}

extension Codec {
  /// A protobuf message.
  public static func protobuf<T: Message & Sendable>(_ type: T.Type = T.self) -> ProtobufCodec<T>
  where Self == ProtobufCodec<T> { ProtobufCodec(type) }
}

/// A buffer as SwiftProtobuf reads and writes it, without a copy.
private struct BufferBytes: SwiftProtobufContiguousBytes {
  var buffer: ByteBuffer

  init(_ buffer: ByteBuffer) { self.buffer = buffer }

  init(repeating: UInt8, count: Int) { buffer = ByteBuffer(repeating: repeating, count: count) }

  init(_ sequence: some Sequence<UInt8>) { buffer = ByteBuffer(bytes: sequence) }

  var count: Int { buffer.readableBytes }

  func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try buffer.withUnsafeReadableBytes(body)
  }

  mutating func withUnsafeMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows -> R {
    try buffer.withUnsafeMutableReadableBytes(body)
  }
}
