package import NIOCore
internal import Synchronization

/// Buffers that nobody uses at the moment, so that what is needed for a moment only costs no allocation. Thread-safe.
package final class BufferPool: Sendable {
  /// No more than threads that use one at a time.
  private static let mostIdle = 64
  /// A buffer that grew above this is not kept.
  private static let keptBytes = 64 << 10
  private let idle = Mutex<[ByteBuffer]>([])

  package init() {}

  /// Lends an empty buffer to `body`. Where somebody still holds its bytes afterwards, they are his alone: the next one
  /// who writes to it gets other memory.
  package func withBuffer<R, Failure: Error>(_ body: (inout ByteBuffer) throws(Failure) -> R) throws(Failure) -> R {
    var buffer = idle.withLock { $0.popLast() } ?? ByteBuffer()
    defer {
      if buffer.storageCapacity <= Self.keptBytes {
        let returned = buffer
        idle.withLock { if $0.count < Self.mostIdle { $0.append(returned) } }
      }
    }
    buffer.clear()
    return try body(&buffer)
  }
}
