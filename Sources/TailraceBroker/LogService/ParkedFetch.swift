internal import NIOCore
internal import Synchronization
internal import TailraceStorage
internal import TailraceWire

/// A fetch that waits for data. All but `claimWake` and `isDone` happens on its connection's event loop.
final class ParkedFetch: Sendable {
  /// One call of one connection.
  struct Key: Hashable, Sendable {
    let connection: ObjectIdentifier
    let call: CallID
  }

  let key: Key
  let plan: FetchPlan
  let connection: any CallConnection
  /// Called on the event loop, once, unless the fetch is abandoned.
  let answer: @Sendable ([ReadOutcome]) -> Void
  private let state = Mutex(State())

  private struct State {
    var waiters: [AdvanceWaiter] = []
    /// Places in the plan's reads.
    var hopeless: Set<Int> = []
    var timer: Scheduled<Void>?
    var isWaking = false
    var isDone = false
  }

  init(
    plan: FetchPlan, call: CallID, connection: any CallConnection,
    answer: @escaping @Sendable ([ReadOutcome]) -> Void
  ) {
    key = Key(connection: ObjectIdentifier(connection), call: call)
    self.plan = plan
    self.connection = connection
    self.answer = answer
  }

  /// Remembers what to cancel in the end. False: it is done, and the waiter is the caller's to cancel.
  func add(_ waiter: AdvanceWaiter) -> Bool {
    state.withLock { state in
      guard !state.isDone else { return false }
      state.waiters.append(waiter)
      return true
    }
  }

  func set(timer: Scheduled<Void>) {
    let isDone = state.withLock { state in
      if !state.isDone { state.timer = timer }
      return state.isDone
    }
    if isDone { timer.cancel() }
  }

  /// True for the first of the partitions that have news: that one wakes the fetch. Thread-safe.
  func claimWake() -> Bool {
    state.withLock { state in
      guard !state.isDone, !state.isWaking else { return false }
      state.isWaking = true
      return true
    }
  }

  /// Takes the waiters, for another round.
  func takeWaiters() -> [AdvanceWaiter] {
    state.withLock { state in
      defer { state.waiters = [] }
      return state.waiters
    }
  }

  /// Whether the partition at this place of the plan's reads was given up: it will have no news.
  func isHopeless(_ index: Int) -> Bool { state.withLock { $0.hopeless.contains(index) } }

  func giveUp(_ indexes: [Int]) { state.withLock { $0.hopeless.formUnion(indexes) } }

  /// Lets partitions wake the fetch again.
  func sleepAgain() { state.withLock { $0.isWaking = false } }

  /// True for the first caller only, who then answers or drops the fetch; stops the timer.
  func finish() -> Bool {
    let (isFirst, timer) = state.withLock { state -> (Bool, Scheduled<Void>?) in
      defer { state.isDone = true }
      return (!state.isDone, state.timer)
    }
    timer?.cancel()
    return isFirst
  }
}
