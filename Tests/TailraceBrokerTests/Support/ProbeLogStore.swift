import NIOCore
import Synchronization
import TailraceBroker
import TailraceStorage
import TailraceWire

/// A store in front of another one: counts what goes through, and holds or fails it where it is told to.
final class ProbeLogStore: LogStore {
  struct State {
    /// The durability of each request, for each call of `append`, those for internal topics left out.
    var appends: [[AppendDurability]] = []
    /// Waiters that were neither taken back nor called.
    var openWaiters: Set<AdvanceWaiter> = []
    /// Completions of appends wait here while `isHolding`.
    var held: [@Sendable () -> Void] = []
    var isHolding = false
    var failure: Failure = .none
    /// Partitions that take no waiters.
    var readOnly: Set<PartitionID> = []
    /// Reads in form `.chunks`, and those at once.
    var chunkReadCount = 0
    var atOnceReadCount = 0
    /// Both.
    var readCount: Int { chunkReadCount + atOnceReadCount }
    /// First offsets of the reads in form `.bytes`, in order.
    var byteReads: [Offset] = []
    /// Such reads wait here while `isHoldingReads`.
    var heldReads: [@Sendable () -> Void] = []
    var isHoldingReads = false
    var created: [TopicID] = []
    var dropped: [TopicID] = []
    /// What topics were configured with, in order.
    var configured: [(topic: TopicID, config: LogConfig)] = []
    /// Producers and epochs, in order.
    var admitted: [(producer: Int64, epoch: UInt32)] = []
    var changesUnderWay = 0
    var mostChangesUnderWay = 0
  }

  /// What fails.
  enum Failure {
    case none
    case create(StorageError)
    case drop(StorageError)
    case configure(StorageError)
    /// Of internal topics' records.
    case metadata(AppendOutcome)
    case append(AppendOutcome)
    /// One request, after so many that go through; from then on none.
    case request(after: Int, AppendOutcome)
  }

  private let base: any LogStore
  private let state = Mutex(State())

  init(_ base: any LogStore) { self.base = base }

  var seen: State { state.withLock { $0 } }

  func fail(_ failure: Failure) { state.withLock { $0.failure = failure } }

  /// These partitions never advance, as after a fault.
  func makeReadOnly(_ partitions: Set<PartitionID>) { state.withLock { $0.readOnly = partitions } }

  func forgetAppends() { state.withLock { $0.appends = [] } }

  /// Completions of appends wait until `releaseAppends`.
  func holdAppends() { state.withLock { $0.isHolding = true } }

  func releaseAppends() {
    let held = state.withLock { state in
      defer { state.held = [] }
      state.isHolding = false
      return state.held
    }
    for completion in held { completion() }
  }

  /// Reads in form `.bytes` wait, from now on, until `releaseReads`; earlier ones are forgotten.
  func holdReads() {
    state.withLock { state in
      state.isHoldingReads = true
      state.byteReads = []
    }
  }

  func releaseReads() {
    let held = state.withLock { state in
      defer { state.heldReads = [] }
      state.isHoldingReads = false
      return state.heldReads
    }
    for read in held { read() }
  }

  func append(_ requests: [AppendRequest], fence: Fence) {
    let isInternal = requests.contains { $0.partition.topic == TopicID.metadata }
    guard !isInternal else {
      guard case .metadata(let outcome) = state.withLock({ $0.failure }) else {
        return base.append(requests, fence: fence)
      }
      for request in requests { request.completion(outcome) }
      return
    }
    let failure = state.withLock { state in
      state.appends.append(requests.map(\.durability))
      return state.failure
    }
    if case .append(let outcome) = failure {
      for request in requests { request.completion(outcome) }
      return
    }
    base.append(
      requests.filter { !failsNow($0) }.map { request in
        var watched = request
        watched.completion = { [self] outcome in
          let isHeld = state.withLock { state in
            if state.isHolding { state.held.append { request.completion(outcome) } }
            return state.isHolding
          }
          if !isHeld { request.completion(outcome) }
        }
        return watched
      }, fence: fence)
  }

  /// Whether it is the one that fails.
  private func failsNow(_ request: AppendRequest) -> Bool {
    let outcome = state.withLock { state -> AppendOutcome? in
      guard case .request(let left, let outcome) = state.failure else { return nil }
      state.failure = left > 0 ? .request(after: left - 1, outcome) : .none
      return left > 0 ? nil : outcome
    }
    if let outcome { request.completion(outcome) }
    return outcome != nil
  }

  func read(
    _ targets: [ReadTarget], maxBytes: Int, form: ReadForm, completion: @escaping @Sendable ([ReadOutcome]) -> Void
  ) {
    guard form == .bytes else {
      state.withLock { $0.chunkReadCount += 1 }
      return base.read(targets, maxBytes: maxBytes, form: form, completion: completion)
    }
    let isHeld = state.withLock { [base] state in
      state.byteReads += targets.prefix(1).map(\.offset)
      if state.isHoldingReads {
        state.heldReads.append { base.read(targets, maxBytes: maxBytes, form: form, completion: completion) }
      }
      return state.isHoldingReads
    }
    if !isHeld { base.read(targets, maxBytes: maxBytes, form: form, completion: completion) }
  }

  func readAtOnce(_ target: ReadTarget, maxBytes: Int, into buffer: inout ByteBuffer) -> ReadResult? {
    state.withLock { $0.atOnceReadCount += 1 }
    return base.readAtOnce(target, maxBytes: maxBytes, into: &buffer)
  }

  func awaitAdvance(
    of partition: PartitionID, past offset: Offset, bytes: Int, notify: @escaping @Sendable () -> Void
  ) -> AdvanceWaiter? {
    guard !state.withLock({ $0.readOnly.contains(partition) }) else { return nil }
    let box = WaiterBox()
    let waiter = base.awaitAdvance(of: partition, past: offset, bytes: bytes) { [self] in
      if let waiter = box.markCalled() { state.withLock { _ = $0.openWaiters.remove(waiter) } }
      notify()
    }
    guard let waiter else { return nil }
    if box.set(waiter) { state.withLock { _ = $0.openWaiters.insert(waiter) } }
    return waiter
  }

  func cancel(_ waiter: AdvanceWaiter) {
    state.withLock { _ = $0.openWaiters.remove(waiter) }
    base.cancel(waiter)
  }

  func bounds(of partition: PartitionID) throws(StorageError) -> PartitionBounds { try base.bounds(of: partition) }

  func firstOffset(
    atOrAfter timestampMs: Int64, in partition: PartitionID,
    completion: @escaping @Sendable (Result<TimestampedOffset?, StorageError>) -> Void
  ) {
    base.firstOffset(atOrAfter: timestampMs, in: partition, completion: completion)
  }

  func create(
    _ partitions: [PartitionID], topicName: String, config: LogConfig, fence: Fence
  ) async throws(StorageError) {
    let failure = begin { $0.created += Set(partitions.map(\.topic)) }
    defer { end() }
    await Task.yield()
    if case .create(let error) = failure {
      // As a store does whose disk fills up half-way.
      try await base.create(Array(partitions.prefix(1)), topicName: topicName, config: config, fence: fence)
      throw error
    }
    try await base.create(partitions, topicName: topicName, config: config, fence: fence)
  }

  func configure(topic: TopicID, config: LogConfig, fence: Fence) async throws(StorageError) {
    let failure = begin { $0.configured.append((topic, config)) }
    defer { end() }
    await Task.yield()
    if case .configure(let error) = failure { throw error }
    try await base.configure(topic: topic, config: config, fence: fence)
  }

  func drop(topic: TopicID, fence: Fence) async throws(StorageError) {
    let failure = begin { $0.dropped.append(topic) }
    defer { end() }
    await Task.yield()
    if case .drop(let error) = failure { throw error }
    try await base.drop(topic: topic, fence: fence)
  }

  func deleteRecords(
    before offset: Offset?, in partition: PartitionID, fence: Fence
  ) async throws(StorageError) -> Offset {
    try await base.deleteRecords(before: offset, in: partition, fence: fence)
  }

  func admit(producer: Int64, epoch: UInt32, fence: Fence) {
    state.withLock { $0.admitted.append((producer, epoch)) }
    base.admit(producer: producer, epoch: epoch, fence: fence)
  }

  func describe(_ partition: PartitionID) async throws(StorageError) -> PartitionFigures {
    try await base.describe(partition)
  }

  func close() async throws(StorageError) { try await base.close() }

  private func begin(_ note: (inout State) -> Void) -> Failure {
    state.withLock { state in
      note(&state)
      state.changesUnderWay += 1
      state.mostChangesUnderWay = max(state.mostChangesUnderWay, state.changesUnderWay)
      return state.failure
    }
  }

  private func end() { state.withLock { $0.changesUnderWay -= 1 } }
}

/// A waiter, which its own notification has to know.
private final class WaiterBox: Sendable {
  private let state = Mutex<(waiter: AdvanceWaiter?, isCalled: Bool)>((nil, false))

  /// False where the notification came first.
  func set(_ waiter: AdvanceWaiter) -> Bool {
    state.withLock { state in
      state.waiter = waiter
      return !state.isCalled
    }
  }

  func markCalled() -> AdvanceWaiter? {
    state.withLock { state in
      state.isCalled = true
      return state.waiter
    }
  }
}

extension TopicID {
  /// Of the internal log of topics.
  static let metadata = LogMetadataStore.topicID
  static let offsets = TopicID(high: 0, low: 2)
}
