internal import CTailraceWire
package import NIOCore

/// Why a message could not be encoded.
package struct EncodeError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// A `string` field holds a NUL, which protobuf-c cannot represent.
    case nulInString
    /// The serialised form would pass 2 GiB, protobuf's limit, or the arena is exhausted.
    case tooLarge
  }

  package let kind: Kind
  /// Where: "targets[1].topic", with the schema's names; empty for the message itself.
  package let path: String

  package init(kind: Kind, path: String) {
    self.kind = kind
    self.path = path
  }

  package var description: String {
    let reason =
      switch kind {
      case .nulInString: "holds a NUL character"
      case .tooLarge: "is too large to encode"
      }
    return "\(path.isEmpty ? "the message" : path) \(reason)"
  }

  /// The same error, seen from the message whose field `name` this one's is.
  func below(_ name: String) -> EncodeError {
    EncodeError(kind: kind, path: path.isEmpty ? name : "\(name).\(path)")
  }
}

extension WireMessage {
  /// Appends the serialised message to `buffer` and returns its length in bytes. The arena is left as empty as it was;
  /// on an error `buffer` is left as it was.
  @discardableResult
  package func encode(into buffer: inout ByteBuffer, arena: Arena) throws(EncodeError) -> Int {
    let wasEmpty = arena.usedBytes == 0
    defer { if wasEmpty { arena.reset() } }
    var writer = MessageWriter(arena: arena)
    let c = try writer.message(self)
    return try withExtendedLifetime(self) { () throws(EncodeError) -> Int in
      let base = UnsafeMutableRawPointer(c).assumingMemoryBound(to: ProtobufCMessage.self)
      let size = protobuf_c_message_get_packed_size(base)
      guard size >= 0, size <= maxEncodedBytes else { throw EncodeError(kind: .tooLarge, path: "") }
      return buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { memory in
        guard size > 0, let start = memory.baseAddress else { return 0 }
        return protobuf_c_message_pack(base, start.assumingMemoryBound(to: UInt8.self))
      }
    }
  }

  /// The serialised message in a buffer of its own.
  package func encoded() throws(EncodeError) -> ByteBuffer {
    var buffer = ByteBuffer()
    try encode(into: &buffer)
    return buffer
  }

  /// Appends the serialised message to `buffer`, as `encode(into:arena:)` does.
  @discardableResult
  package func encode(into buffer: inout ByteBuffer) throws(EncodeError) -> Int {
    try encodingArenas.withArena { arena throws(EncodeError) in try encode(into: &buffer, arena: arena) }
  }
}

/// Nothing from outside decides how much these take: what is encoded is in memory already.
private let encodingArenas = ArenaPool(limitBytes: maxEncodedBytes)

/// protobuf's own limit: lengths are signed 32-bit numbers in most implementations.
private let maxEncodedBytes = Int(Int32.max)
