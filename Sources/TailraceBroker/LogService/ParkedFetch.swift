internal import NIOCore
internal import Synchronization
internal import TailraceStorage
internal import TailraceWire

/// A fetch that waits for data. All but `claimWake` happens on its connection's event loop.
final class ParkedFetch: Sendable {
  /// One call of one connection.
  struct Key: Hashable, Sendable {
    let connection: ObjectIdentifier
    let call: CallID
  }

  let key: Key
  let demand: FetchDemand
  /// Where it is of that kind: how it is read and answered with less ado.
  let tail: TailFetch?
  let connection: any CallConnection
  /// When its time is up.
  let deadline: NIODeadline
  /// Called on the event loop, once, unless the fetch is abandoned, or answered as `tail`.
  let answer: @Sendable ([ReadOutcome]) -> Void
  private let state = Mutex(State())

  private struct State {
    var waiters: [AdvanceWaiter] = []
    /// Places in the demand's reads.
    var hopeless: Set<Int> = []
    var isWaking = false
    var isHurried = false
    var isDone = false
  }

  init(
    _ demand: FetchDemand, _ tail: TailFetch? = nil, call: CallID, connection: any CallConnection,
    answer: @escaping @Sendable ([ReadOutcome]) -> Void
  ) {
    key = Key(connection: ObjectIdentifier(connection), call: call)
    self.demand = demand
    self.tail = tail
    self.connection = connection
    deadline = connection.eventLoop.now + .milliseconds(demand.maxWaitMs)
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

  /// True for the first of the partitions that have news: that one wakes the fetch. Thread-safe.
  func claimWake() -> Bool {
    state.withLock { state in
      guard !state.isDone, !state.isWaking else { return false }
      state.isWaking = true
      return true
    }
  }

  /// True for the first caller, who then answers with what there is: that may take a while.
  func claimHurry() -> Bool {
    state.withLock { state in
      defer { state.isHurried = true }
      return !state.isHurried
    }
  }

  /// Takes the waiters, for another round.
  func takeWaiters() -> [AdvanceWaiter] {
    state.withLock { state in
      defer { state.waiters = [] }
      return state.waiters
    }
  }

  /// Whether the partition at this place of the demand's reads was given up: it will have no news.
  func isHopeless(_ index: Int) -> Bool { state.withLock { $0.hopeless.contains(index) } }

  func giveUp(_ indexes: [Int]) { state.withLock { $0.hopeless.formUnion(indexes) } }

  /// Lets partitions wake the fetch again.
  func sleepAgain() { state.withLock { $0.isWaking = false } }

  /// True for the first caller only, who then answers or drops the fetch.
  func finish() -> Bool {
    state.withLock { state in
      defer { state.isDone = true }
      return !state.isDone
    }
  }
}
