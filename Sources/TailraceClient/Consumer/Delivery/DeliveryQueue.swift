internal import DequeModule
internal import Synchronization

/// Where fetched records wait for those who process them. Thread-safe.
final class DeliveryQueue: Sendable {
  fileprivate struct Contents {
    var state: DeliveryState
    var waiters: Deque<(id: UInt64, continuation: CheckedContinuation<Outcome, Never>)> = []
    var lastID: UInt64 = 0
    var notify: (@Sendable ([DeliveryState.Notice]) -> Void)?
  }

  fileprivate typealias Outcome = DeliveryState.Taken

  private let contents: Mutex<Contents>

  /// `maxBytes`: see `DeliveryState`.
  init(maxBytes: Int) { contents = Mutex(Contents(state: DeliveryState(maxBytes: maxBytes))) }

  /// `notify` is called on any thread, and must not call back.
  func onNotice(_ notify: @escaping @Sendable ([DeliveryState.Notice]) -> Void) {
    contents.withLock { $0.notify = notify }
  }

  /// Changes what is there; then those who wait get what there is for them, and the engine is told what it is to know.
  @discardableResult
  func update<Value: Sendable>(_ body: (inout DeliveryState) -> Value) -> Value {
    var after: [@Sendable () -> Void] = []
    let value = contents.withLock { contents in
      let value = body(&contents.state)
      while !contents.waiters.isEmpty, let taken = contents.state.take() {
        let waiter = contents.waiters.removeFirst()
        after.append { waiter.continuation.resume(returning: taken) }
      }
      after += contents.takeNotices()
      return value
    }
    for action in after { action() }
    return value
  }

  /// Looks without changing anything.
  func look<Value: Sendable>(_ body: (DeliveryState) -> Value) -> Value {
    contents.withLock { body($0.state) }
  }

  /// Waits for records; nil at the end. Fails with CANCELLED where the task is cancelled.
  func take() async throws(TailraceError) -> Lease? {
    if Task.isCancelled { throw Self.cancelled }
    let id = contents.withLock { contents in
      contents.lastID += 1
      return contents.lastID
    }
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { wait(id, $0) }
    } onCancel: {
      withdraw(id)
    }
    return try lease(outcome)
  }

  private func wait(_ id: UInt64, _ continuation: CheckedContinuation<Outcome, Never>) {
    let after: [@Sendable () -> Void] = contents.withLock { contents in
      if let taken = contents.state.take() {
        return [{ continuation.resume(returning: taken) }] + contents.takeNotices()
      }
      // Cancelled before it waited: `onCancel` came too early.
      if Task.isCancelled { return [{ continuation.resume(returning: .failure(Self.cancelled)) }] }
      contents.waiters.append((id, continuation))
      return []
    }
    for action in after { action() }
  }

  private func withdraw(_ id: UInt64) {
    let waiter = contents.withLock { contents in
      contents.waiters.firstIndex { $0.id == id }.map { contents.waiters.remove(at: $0) }
    }
    waiter?.continuation.resume(returning: .failure(Self.cancelled))
  }

  private func lease(_ outcome: Outcome) throws(TailraceError) -> Lease? {
    switch outcome {
    case .lease(let lane, let batches, let end): return Lease(lane, batches, highWatermark: end, of: self)
    case .failure(let error): throw error
    case .end: return nil
    }
  }

  func giveBack(_ lane: PartitionLane, _ batches: [FetchedBatch]) { update { $0.giveBack(lane, batches) } }

  func fail(_ partition: TopicPartition, _ error: TailraceError, only lane: PartitionLane? = nil) {
    update { $0.fail(partition, error, only: lane) }
  }

  static let cancelled = TailraceError(.cancelled, "the task was cancelled")
}

extension DeliveryQueue.Contents {
  fileprivate mutating func takeNotices() -> [@Sendable () -> Void] {
    let notices = state.takeNotices()
    guard let notify, !notices.isEmpty else { return [] }
    return [{ notify(notices) }]
  }
}
