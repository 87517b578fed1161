internal import NIOCore

/// Memory of batches that were stored, for those that are filled next: it has its pages and is near a processor still,
/// where new memory takes longer to come than a record to be copied. A plain value, guarded by the producer's lock.
struct BatchMemory {
  /// Bytes that are kept at most, and of one batch.
  static let (maxBytes, maxBatchBytes) = (2 << 20, 1 << 20)

  private var spares: [ByteBuffer] = []
  private(set) var byteCount = 0

  /// Empty memory with room for so many bytes, the one that was used last first.
  mutating func take(_ capacity: Int) -> ByteBuffer {
    guard let index = spares.lastIndex(where: { $0.capacity >= capacity }) else {
      var memory = ByteBuffer()
      memory.reserveCapacity(capacity)
      return memory
    }
    var memory = spares.remove(at: index)
    byteCount -= memory.capacity
    // Somebody who still refers to it keeps it; then this is new memory.
    memory.clear(minimumCapacity: capacity)
    return memory
  }

  /// Keeps memory that is not needed any more, where there is room for it.
  mutating func give(_ memory: ByteBuffer) {
    guard memory.capacity <= Self.maxBatchBytes, byteCount + memory.capacity <= Self.maxBytes else { return }
    byteCount += memory.capacity
    spares.append(memory)
  }
}
