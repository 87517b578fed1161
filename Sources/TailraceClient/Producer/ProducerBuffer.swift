internal import DequeModule

/// The room for records that a producer keeps until they are stored, and who waits for some of it, first come, first
/// served. A plain value, guarded by the producer's lock.
struct ProducerBuffer {
  typealias Continuation = CheckedContinuation<Result<Void, TailraceError>, Never>

  private struct Waiter {
    var id: UInt64
    var byteCount: Int
    var continuation: Continuation
  }

  let maxBytes: Int
  /// Nobody who waits goes on above this: to wake somebody for each batch that leaves would cost more than the batch.
  private let resumeBytes: Int
  private(set) var usedBytes = 0
  private var waiters = Deque<Waiter>()
  private var lastID: UInt64 = 0

  init(maxBytes: Int) {
    self.maxBytes = maxBytes
    resumeBytes = maxBytes - min(maxBytes / 4, 1 << 20)
  }

  /// Whether anybody waits for room.
  var isAwaited: Bool { !waiters.isEmpty }

  /// Takes room; false where there is none, or others wait for some. A record larger than everything fits when nothing
  /// else is there.
  mutating func take(_ byteCount: Int) -> Bool {
    guard waiters.isEmpty, fits(byteCount) else { return false }
    usedBytes += byteCount
    return true
  }

  private func fits(_ byteCount: Int) -> Bool { usedBytes == 0 || usedBytes + byteCount <= maxBytes }

  /// What was taken turned out to be more, or less.
  mutating func adjust(by byteCount: Int) { usedBytes += byteCount }

  /// A number for somebody who is about to wait.
  mutating func nextID() -> UInt64 {
    lastID += 1
    return lastID
  }

  /// Waits in line; false where there is room at once, which is taken.
  mutating func wait(_ id: UInt64, for byteCount: Int, _ continuation: Continuation) -> Bool {
    if take(byteCount) { return false }
    waiters.append(Waiter(id: id, byteCount: byteCount, continuation: continuation))
    return true
  }

  /// Takes somebody out of the line; nil where it was its turn already.
  mutating func withdraw(_ id: UInt64) -> Continuation? {
    guard let index = waiters.firstIndex(where: { $0.id == id }) else { return nil }
    return waiters.remove(at: index).continuation
  }

  /// Gives room back, and takes it for those who waited, as far as it lasts: they are to be resumed.
  mutating func release(_ byteCount: Int) -> [Continuation] {
    usedBytes -= byteCount
    return admit()
  }

  /// Those who may go on now.
  mutating func admit() -> [Continuation] {
    var admitted: [Continuation] = []
    guard usedBytes <= resumeBytes else { return [] }
    while let first = waiters.first, fits(first.byteCount) {
      usedBytes += first.byteCount
      admitted.append(first.continuation)
      waiters.removeFirst()
    }
    return admitted
  }

  /// Everybody who waits: nobody will get room any more.
  mutating func removeAll() -> [Continuation] {
    defer { waiters = [] }
    return waiters.map(\.continuation)
  }
}
