internal import Synchronization

/// The memory that requests not executed yet and output not sent yet may take, over all connections of a process.
///
/// It is an account, not an allocator: whoever holds bytes charges them, and holds back while there is no room.
/// Thread-safe.
package final class MemoryBudget: Sendable {
  /// From this many bytes on there is no room.
  package let limitBytes: Int
  private let used = Atomic<Int>(0)
  private let hasWaiters = Atomic<Bool>(false)
  private let waiters = Mutex<[@Sendable () -> Void]>([])

  package init(limitBytes: Int) {
    self.limitBytes = limitBytes
  }

  /// Bytes charged at the moment. May pass the limit: what is there already is counted, not refused.
  package var usedBytes: Int { used.load(ordering: .relaxed) }

  package var hasRoom: Bool { usedBytes < limitBytes }

  /// Whether the limit is passed by a quarter: whoever holds much is to hold no more.
  package var isOverdrawn: Bool { usedBytes - limitBytes > limitBytes / 4 }

  /// Whether twice the limit is reached: nobody is to hold any more.
  package var isExhausted: Bool { usedBytes / 2 >= limitBytes }

  package func charge(_ bytes: Int) {
    used.wrappingAdd(bytes, ordering: .relaxed)
  }

  package func release(_ bytes: Int) {
    // Sequentially consistent, as is the other side in `whenThereIsRoom`: either we see the waiter, or it sees the
    // room.
    let now = used.wrappingSubtract(bytes, ordering: .sequentiallyConsistent).newValue
    if now < limitBytes && hasWaiters.load(ordering: .sequentiallyConsistent) { wake() }
  }

  /// Calls `wakeUp` once there is room, on any thread, at once where there is some already. What is called must not
  /// block; it looks for itself whether there still is room.
  package func whenThereIsRoom(_ wakeUp: @escaping @Sendable () -> Void) {
    waiters.withLock { $0.append(wakeUp) }
    hasWaiters.store(true, ordering: .sequentiallyConsistent)
    if used.load(ordering: .sequentiallyConsistent) < limitBytes { wake() }
  }

  private func wake() {
    let woken = waiters.withLock { waiters in
      hasWaiters.store(false, ordering: .sequentiallyConsistent)
      defer { waiters = [] }
      return waiters
    }
    for wakeUp in woken { wakeUp() }
  }
}
