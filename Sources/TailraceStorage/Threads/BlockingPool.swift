internal import Synchronization

/// A few threads for work that blocks: opening and recovery, directories, reads that need a scan first. Thread-safe.
final class BlockingPool: Sendable {
  private let queue = WorkQueue<@Sendable () -> Void>()
  /// Whether work of `submitUnlessBusy` is queued or under way.
  private let isBusy = Atomic<Bool>(false)

  /// `threadCount`: at least 1. One thread runs the work in the order in which it was handed in.
  init(name: String, threadCount: Int) throws(StorageError) {
    for index in 0..<max(1, threadCount) {
      let queue = self.queue
      do throws(StorageError) {
        try WorkerThread.start(name: "\(name)-\(index)") { while let work = queue.pop() { work() } }
      } catch {
        queue.close()
        throw error
      }
    }
  }

  deinit { queue.close() }

  /// Runs `work` on one of the threads; false where the pool is closed.
  @discardableResult
  func submit(_ work: @escaping @Sendable () -> Void) -> Bool { queue.push(work) }

  /// The same, for work that comes again by itself: dropped where what was submitted so before has not ended.
  func submitUnlessBusy(_ work: @escaping @Sendable () -> Void) {
    guard isBusy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else { return }
    submit { [self] in
      work()
      isBusy.store(false, ordering: .releasing)
    }
  }

  /// Runs `work` on one of the threads and waits for its result without blocking the caller's thread.
  func run<Value: Sendable>(
    _ work: @escaping @Sendable () throws(StorageError) -> Value
  ) async throws(StorageError) -> Value {
    let result: Result<Value, StorageError> = await withCheckedContinuation { continuation in
      let isTaken = submit { continuation.resume(returning: Result(catching: work)) }
      if !isTaken { continuation.resume(returning: .failure(StorageError(.closed, "the store is closed"))) }
    }
    return try result.get()
  }

  /// Runs `work` for each index below `count` on the threads of the pool, and blocks until all are done. Never to be
  /// called on one of them.
  func forEach(_ count: Int, _ work: @escaping @Sendable (Int) -> Void) {
    let finished = WorkQueue<Int>()
    for index in 0..<count {
      let isTaken = submit {
        work(index)
        finished.push(index)
      }
      if !isTaken {
        work(index)
        finished.push(index)
      }
    }
    for _ in 0..<count { _ = finished.pop() }
  }

  /// Takes no more work; what is queued still runs.
  func close() { queue.close() }

  /// The same, and blocks until all of it is done. Of a pool with one thread, and never on that.
  func finish() {
    let finished = WorkQueue<Void>()
    if submit({ finished.close() }) { _ = finished.pop() }
    close()
  }
}
