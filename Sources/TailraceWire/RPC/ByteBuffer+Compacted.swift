package import NIOCore

extension ByteBuffer {
  /// The same bytes, for somebody who keeps them: a copy where they are a small part of what they lie in.
  package var compacted: ByteBuffer {
    guard readableBytes < storageCapacity / 4 else { return self }
    var copy = ByteBufferAllocator().buffer(capacity: readableBytes)
    copy.writeImmutableBuffer(self)
    return copy
  }
}
