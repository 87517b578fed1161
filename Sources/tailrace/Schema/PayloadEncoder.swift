import NIOCore
import TailraceWire

/// Turns JSON into protobuf messages of one type: the inverse of `PayloadDecoder`.
struct PayloadEncoder: Sendable {
  /// Longest JSON text, in bytes, inclusive.
  static let maxBytes = 64 << 20
  /// Levels of brackets that a JSON text may have.
  static let maxJSONDepth = 2 * PayloadDecoder.maxDepth + 4

  private static let options = ProtobufJSON.DecodingOptions(maxDepth: PayloadDecoder.maxDepth)

  private let type: MessageDescriptor

  init(_ type: MessageDescriptor) { self.type = type }

  /// The message that a JSON text stands for.
  func message(of text: ByteBuffer) throws(InputError) -> ByteBuffer {
    do throws(JSONMappingError) {
      return try ProtobufJSON.decode(text, as: type, options: Self.options)
    } catch {
      throw InputError("\(error)")
    }
  }

  /// The message that a part of a JSON text stands for.
  func message(of value: JSONValue) throws(InputError) -> ByteBuffer {
    do throws(JSONMappingError) {
      return try ProtobufJSON.decode(value, as: type, options: Self.options)
    } catch {
      throw InputError("the value: \(error)")
    }
  }
}
