public import NIOCore

/// Turns values of a type into the bytes of a key or a value, and back.
///
/// A codec of your own reads exactly what it has written, and throws where bytes are not what it writes: they may come
/// from anywhere. What it throws arrives as the `cause` of a `TailraceError` with the code INVALID_RECORD.
public protocol Codec<Value>: Sendable {
  /// What is written and read.
  associatedtype Value

  /// Appends `value` to `buffer`.
  func encode(_ value: Value, into buffer: inout ByteBuffer) throws

  /// Reads a value from all of `buffer`, which keeps the record's batch in memory for as long as it or a slice is kept.
  func decode(_ buffer: ByteBuffer) throws -> Value
}

/// Bytes as they are: a slice of the batch that they came in, without a copy.
public struct ByteBufferCodec: Codec {
  /// The codec.
  public init() {}

  /// Appends the readable bytes of `value`.
  public func encode(_ value: ByteBuffer, into buffer: inout ByteBuffer) {
    buffer.writeImmutableBuffer(value)
  }

  /// Returns `buffer`.
  public func decode(_ buffer: ByteBuffer) -> ByteBuffer { buffer }
}

/// Bytes as an array: a copy.
public struct BytesCodec: Codec {
  /// The codec.
  public init() {}

  /// Appends the bytes.
  public func encode(_ value: [UInt8], into buffer: inout ByteBuffer) { buffer.writeBytes(value) }

  /// Returns a copy of the readable bytes.
  public func decode(_ buffer: ByteBuffer) -> [UInt8] { Array(buffer.readableBytesView) }
}

/// Text, in UTF-8.
public struct StringCodec: Codec {
  /// The codec.
  public init() {}

  /// Appends the text.
  public func encode(_ value: String, into buffer: inout ByteBuffer) { buffer.writeString(value) }

  /// Reads the text. Fails with INVALID_RECORD where the bytes are not UTF-8.
  public func decode(_ buffer: ByteBuffer) throws(TailraceError) -> String {
    guard let text = String(validating: buffer.readableBytesView, as: UTF8.self) else {
      throw TailraceError(.invalidRecord, "\(buffer.readableBytes) bytes that are not UTF-8")
    }
    return text
  }
}

extension Codec where Self == ByteBufferCodec {
  /// Bytes as they are, without a copy.
  public static var byteBuffer: ByteBufferCodec { ByteBufferCodec() }
}

extension Codec where Self == BytesCodec {
  /// Bytes as an array.
  public static var bytes: BytesCodec { BytesCodec() }
}

extension Codec where Self == StringCodec {
  /// Text, in UTF-8.
  public static var string: StringCodec { StringCodec() }
}
