internal import NIOCore

/// Reads of large frames that end where a frame does: one that is cut by the end of a read is copied once more.
///
/// A connection says before a read how many bytes are useful (`FrameDecoder.usefulBytes`), where that is known and frames are
/// large. Other reads are as large as NIO makes them.
///
/// Isolation: the connection's event loop. `@unchecked Sendable`: it is touched nowhere else.
final class AlignedReads: @unchecked Sendable {
  /// Most bytes of a read that is cut to measure: two batches of the SDKs' standard size.
  static let maxBytes = 336 << 10
  /// One serves as long as its frames are done with before the next read; a second one where some of them wait.
  private static let maxSpares = 2

  /// Of the next read; 0: as many as NIO likes.
  var byteCount = 0
  /// Buffers that were read into, oldest first: one that nobody holds any more serves again.
  private(set) var spares: [ByteBuffer] = []

  /// Takes note of a buffer that was read into.
  func note(_ bytes: ByteBuffer) {
    guard byteCount > 0, bytes.storageCapacity >= Self.maxBytes else { return }
    if spares.count == Self.maxSpares { spares.removeFirst() }
    spares.append(bytes)
  }

  /// Lets go of memory that is kept for further reads.
  func dropSpares() { spares = [] }

  /// A buffer with room for `byteCount` bytes and no more.
  fileprivate func buffer(_ allocator: ByteBufferAllocator) -> ByteBuffer {
    var whole = takeSpare() ?? allocator.buffer(capacity: Self.maxBytes)
    let count = min(byteCount, whole.capacity)
    whole.moveWriterIndex(to: count)
    var part = whole.getSlice(at: 0, length: count) ?? ByteBuffer()
    part.moveWriterIndex(to: 0)
    return part
  }

  private func takeSpare() -> ByteBuffer? {
    for index in spares.indices where spares[index].modifyIfUniquelyOwned({ $0.clear() }) != nil {
      return spares.remove(at: index)
    }
    return nil
  }
}

/// Gives a channel buffers as `AlignedReads` says, else as NIO's adaptive allocator does.
struct AlignedReadAllocator: RecvByteBufferAllocator {
  private var adaptive: AdaptiveRecvByteBufferAllocator
  private let reads: AlignedReads

  /// Loop of `reads` only.
  init(_ reads: AlignedReads, _ adaptive: AdaptiveRecvByteBufferAllocator) {
    self.reads = reads
    self.adaptive = adaptive
  }

  // Nil has the channel call `buffer`, also where it has a buffer: that may be larger.
  func nextBufferSize() -> Int? { reads.byteCount > 0 ? nil : adaptive.nextBufferSize() }

  func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
    reads.byteCount > 0 ? reads.buffer(allocator) : adaptive.buffer(allocator: allocator)
  }

  /// Always true, for the same reason.
  mutating func record(actualReadBytes: Int) -> Bool {
    _ = adaptive.record(actualReadBytes: actualReadBytes)
    return true
  }
}
