package import NIOCore
package import TailraceWire

/// Puts messages together from the DATA frames of a stream.
///
/// ```
/// +----------------+---------------+----------+
/// | u8 compressed? | u32 length    | message  |     big-endian; `length` counts the message alone
/// +----------------+---------------+----------+
/// ```
///
/// Memory is taken for bytes that are there, never for a length that was announced.
package struct GRPCMessageAssembler {
  private static let prefixBytes = 5

  private let maxMessageBytes: Int
  private let mayBeCompressed: Bool
  private var pending = ByteBuffer()
  /// Whether those bytes are in memory of their own, and not a part of what was read.
  private var isCopy = false
  /// Whether a message was taken already.
  private(set) var hasTaken = false

  /// - Parameters:
  ///   - maxMessageBytes: Of a message, decompressed or not, inclusive.
  ///   - mayBeCompressed: Whether the stream's headers say that messages may be compressed with gzip.
  package init(maxMessageBytes: Int, mayBeCompressed: Bool) {
    self.maxMessageBytes = maxMessageBytes
    self.mayBeCompressed = mayBeCompressed
  }

  /// Bytes held in memory.
  var heldBytes: Int { isWithinMessage ? pending.storageCapacity : 0 }

  /// Whether a message has begun that is not whole.
  package var isWithinMessage: Bool { pending.readableBytes > 0 }

  /// Takes over what a frame brought. Afterwards `next` is to be called until there is none, and then `compact`.
  package mutating func receive(_ bytes: ByteBuffer) {
    if pending.readableBytes == 0 { (pending, isCopy) = (bytes, false) } else { pending.writeImmutableBuffer(bytes) }
  }

  /// Copies the beginning of a message: else it would keep all that was read with it in memory.
  package mutating func compact() {
    guard isWithinMessage, !isCopy else { return }
    var copy = ByteBuffer()
    copy.writeImmutableBuffer(pending)
    (pending, isCopy) = (copy, true)
  }

  /// The next message, decompressed; nil until more has come. Fails as soon as the prefix alone shows that a message is
  /// not acceptable.
  package mutating func next() throws(RPCError) -> ByteBuffer? {
    guard let flag = pending.getInteger(at: pending.readerIndex, as: UInt8.self),
      let length = pending.getInteger(at: pending.readerIndex + 1, as: UInt32.self)
    else { return nil }
    guard flag <= 1 else { throw RPCError(.internalError, "the first byte of a message is \(flag), not 0 or 1") }
    guard length <= maxMessageBytes else {
      throw RPCError(
        .resourceExhausted, "a message of \(length) bytes: at most \(maxMessageBytes) are accepted",
        error: .limitReached)
    }
    guard flag == 0 || mayBeCompressed else {
      throw RPCError(.internalError, "a message is compressed, and no grpc-encoding says how")
    }
    guard pending.readableBytes >= Self.prefixBytes + Int(length) else { return nil }
    pending.moveReaderIndex(forwardBy: Self.prefixBytes)
    let message = pending.readSlice(length: Int(length)) ?? ByteBuffer()
    if pending.readableBytes == 0 { pending = ByteBuffer() }
    hasTaken = true
    return flag == 0 ? message : try decompress(message)
  }

  private func decompress(_ message: ByteBuffer) throws(RPCError) -> ByteBuffer {
    do throws(RecordBatchError) {
      return try Compression.gzip.decompress(message, maxBytes: maxMessageBytes)
    } catch {
      throw error.code == .batchTooLarge
        ? RPCError(
          .resourceExhausted, "a message of more than \(maxMessageBytes) bytes, decompressed", error: .limitReached)
        : RPCError(.internalError, "a message cannot be decompressed: \(error.message)")
    }
  }
}
