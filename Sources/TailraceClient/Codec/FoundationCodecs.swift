public import NIOCore

#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif

/// `Data`: a copy of the bytes.
public struct DataCodec: Codec {
  /// The codec.
  public init() {}

  /// Appends the bytes.
  public func encode(_ value: Data, into buffer: inout ByteBuffer) { buffer.writeBytes(value) }

  /// Returns a copy of the readable bytes.
  public func decode(_ buffer: ByteBuffer) -> Data { Data(buffer.readableBytesView) }
}

/// JSON of a `Codable` type, in the standard form of `JSONEncoder`, with its keys sorted so that equal values are equal
/// bytes. Other forms: `encoder` and `decoder` of your own, which nobody may change any more.
public struct JSONCodec<Value: Codable>: Codec {
  private let encoder: JSONEncoder
  private let decoder: JSONDecoder

  /// A codec for values of `type`.
  public init(_ type: Value.Type = Value.self) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    self.init(type, encoder: encoder, decoder: JSONDecoder())
  }

  /// A codec for values of `type`, in the form that encoder and decoder are set to.
  public init(_ type: Value.Type = Value.self, encoder: JSONEncoder, decoder: JSONDecoder) {
    self.encoder = encoder
    self.decoder = decoder
  }

  /// Appends JSON. Throws what `JSONEncoder` throws.
  public func encode(_ value: Value, into buffer: inout ByteBuffer) throws {
    buffer.writeBytes(try encoder.encode(value))
  }

  /// Reads one JSON value of all of `buffer`. Throws what `JSONDecoder` throws.
  public func decode(_ buffer: ByteBuffer) throws -> Value {
    try decoder.decode(Value.self, from: Data(buffer.readableBytesView))
  }
}

extension Codec where Self == DataCodec {
  /// `Data`.
  public static var data: DataCodec { DataCodec() }
}

extension Codec {
  /// JSON of a `Codable` type. Keep the codec where it is used for many records.
  public static func json<T: Codable>(_ type: T.Type = T.self) -> JSONCodec<T> where Self == JSONCodec<T> {
    JSONCodec(type)
  }
}
