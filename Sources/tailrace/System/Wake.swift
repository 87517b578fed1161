#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Wakes a thread that waits for descriptors. Thread-safe.
final class Wake: Sendable {
  /// Readable once `signal()` was called.
  let descriptor: Descriptor
  private let writeEnd: Int32

  init() throws(SystemError) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .last }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    descriptor = Descriptor(number: ends[0])
    writeEnd = ends[1]
  }

  /// Makes the descriptor readable.
  func signal() {
    var byte: UInt8 = 0
    // A full pipe is readable already.
    _ = write(writeEnd, &byte, 1)
  }

  /// Makes the descriptor unreadable again.
  func reset() {
    withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) { memory in
      while read(descriptor.number, memory.baseAddress, memory.count) > 0 {}
    }
  }

  deinit {
    close(descriptor.number)
    close(writeEnd)
  }
}
