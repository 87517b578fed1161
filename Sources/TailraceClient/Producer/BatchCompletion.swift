internal import Synchronization

/// What became of a batch, for whoever waits for it or asks later. Thread-safe.
final class BatchCompletion: Sendable {
  /// The offset of the first record; -1 where nobody is told.
  typealias Outcome = Result<Int64, TailraceError>
  private typealias Continuation = CheckedContinuation<Outcome?, Never>

  private struct State {
    var outcome: Outcome?
    var waiting: [UInt64: Continuation] = [:]
    var lastID: UInt64 = 0
  }

  let topic: String
  let partition: Int
  private let state = Mutex(State())

  init(topic: String, partition: Int) {
    self.topic = topic
    self.partition = partition
  }

  /// Settles it, once; later outcomes are ignored.
  func complete(_ outcome: Outcome) {
    let waiting: [UInt64: Continuation] = state.withLock { state in
      guard state.outcome == nil else { return [:] }
      state.outcome = outcome
      defer { state.waiting = [:] }
      return state.waiting
    }
    for continuation in waiting.values { continuation.resume(returning: outcome) }
  }

  /// How many wait for it; for tests that look whether any is forgotten.
  var waiterCount: Int { state.withLock { $0.waiting.count } }

  /// The outcome, where it is known.
  var outcome: Outcome? { state.withLock { $0.outcome } }

  /// The outcome, once it is known; nil where the task is cancelled before.
  func wait() async -> Outcome? {
    let (known, id) = state.withLock { state in
      state.lastID += 1
      return (state.outcome, state.lastID)
    }
    if let known { return known }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { add($0, id) }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: id) }?.resume(returning: nil)
    }
  }

  private func add(_ continuation: Continuation, _ id: UInt64) {
    let isWaiting = state.withLock { state in
      // Cancelled before this: `onCancel` has found nothing.
      guard state.outcome == nil, !Task.isCancelled else { return false }
      state.waiting[id] = continuation
      return true
    }
    if !isWaiting { continuation.resume(returning: outcome) }
  }
}
