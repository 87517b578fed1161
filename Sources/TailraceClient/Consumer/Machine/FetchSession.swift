internal import DequeModule
internal import NIOCore
internal import TailraceWire

/// From where each partition is fetched, and what is under way. Pure: time comes in as a value.
///
/// A partition is in one fetch at a time at most; one that is paused, full or in trouble is in none. Commonly one fetch
/// has them all. Where some could not be in it, because they were full, they have one of their own once they can.
struct FetchSession {
  struct Settings: Sendable {
    var minBytes: UInt32 = 1
    /// Of a whole answer, and of one partition in it.
    var maxBytes: UInt32 = 8 << 20
    var partitionMaxBytes: UInt32 = 8 << 20
    var maxWaitMs: UInt32 = 500
  }

  /// Partitions in one fetch.
  static let maxTargets = 1_000
  /// Fetches under way.
  static let maxCalls = 4
  /// An answer with nothing in it does not come before this; should it, the next question waits.
  static let minWaitMs: Int64 = 20

  private struct Slot {
    var cursor: PartitionCursor
    var call: UInt64?
    var isFull = false
    /// Whether it waits in `ready`.
    var isQueued = false
    var backoff = Backoff()
    var highWatermark: Int64?
  }

  private struct Call {
    let partitions: [TopicPartition]
    let sentMs: Int64
  }

  let settings: Settings
  private var slots: [TopicPartition: Slot] = [:]
  /// To be fetched, in turn.
  private var ready: Deque<TopicPartition> = []
  private var calls: [UInt64: Call] = [:]
  /// Not to be fetched before a time.
  private var waiting: [TopicPartition: Int64] = [:]
  /// Not to be fetched until they are resumed, wherever they are read on meanwhile.
  private var paused: Set<TopicPartition> = []

  init(_ settings: Settings = Settings()) { self.settings = settings }

  // MARK: Partitions

  /// Fetches a partition from there on. What is under way for it counts for nothing.
  mutating func add(_ cursor: PartitionCursor) {
    let before = slots[cursor.id]
    slots[cursor.id] = Slot(cursor: cursor, isQueued: before?.isQueued ?? false)
    waiting[cursor.id] = nil
    offer(cursor.id)
  }

  mutating func remove(_ partition: TopicPartition) {
    slots[partition] = nil
    waiting[partition] = nil
  }

  mutating func pause(_ partition: TopicPartition, _ isPaused: Bool) {
    if isPaused { paused.insert(partition) } else { paused.remove(partition) }
    offer(partition)
  }

  /// `isFull`: enough was fetched for now.
  mutating func fill(_ partition: TopicPartition, _ isFull: Bool) {
    slots[partition]?.isFull = isFull
    offer(partition)
  }

  func topicID(of partition: TopicPartition) -> ByteBuffer? { slots[partition]?.cursor.topicID }

  private mutating func offer(_ partition: TopicPartition) {
    guard isOnOffer(partition), slots[partition]?.isQueued == false else { return }
    slots[partition]?.isQueued = true
    ready.append(partition)
  }

  private func isOnOffer(_ partition: TopicPartition) -> Bool {
    guard let slot = slots[partition], waiting[partition] == nil else { return false }
    return slot.call == nil && !slot.isFull && !paused.contains(partition)
  }

  // MARK: Requests

  /// When the next fetch is due; nil: not as things are.
  var dueMs: Int64? {
    guard calls.count < Self.maxCalls else { return nil }
    return ready.isEmpty ? waiting.values.min() : 0
  }

  /// The next fetch; nil where there is nothing to fetch.
  mutating func request(_ call: UInt64, nowMs: Int64) -> FetchRequest? {
    for (partition, dueMs) in waiting where dueMs <= nowMs {
      waiting[partition] = nil
      offer(partition)
    }
    var targets: [FetchTarget] = []
    var partitions: [TopicPartition] = []
    while targets.count < Self.maxTargets, let partition = ready.popFirst() {
      slots[partition]?.isQueued = false
      guard isOnOffer(partition), let cursor = slots[partition]?.cursor else { continue }
      slots[partition]?.call = call
      partitions.append(partition)
      targets.append(
        FetchTarget(
          topic: partition.topic, topicID: cursor.topicID, partition: partition.number, offset: cursor.offset,
          maxBytes: settings.partitionMaxBytes, lastEpoch: cursor.lastEpoch))
    }
    guard !targets.isEmpty else { return nil }
    calls[call] = Call(partitions: partitions, sentMs: nowMs)
    return FetchRequest(
      targets: targets, minBytes: settings.minBytes, maxBytes: settings.maxBytes, maxWaitMs: settings.maxWaitMs)
  }

  /// The calls under way.
  var callsInFlight: [UInt64] { Array(calls.keys) }

  /// A fetch came to nothing: its partitions are fetched anew, not before `retryAtMs`.
  mutating func fail(_ call: UInt64, retryAtMs: Int64) {
    for partition in calls.removeValue(forKey: call)?.partitions ?? [] where slots[partition]?.call == call {
      slots[partition]?.call = nil
      waiting[partition] = retryAtMs
    }
  }

  // MARK: Answers

  /// Moves on behind an answer.
  mutating func take(_ call: UInt64, _ response: FetchResponse, nowMs: Int64, fraction: Double) -> Fetched {
    var fetched = Fetched()
    guard let known = calls.removeValue(forKey: call) else { return fetched }
    for partition in response.partitions {
      let id = TopicPartition(topic: partition.topic, partition: partition.partition)
      guard slots[id]?.call == call else { continue }
      take(partition, id, nowMs: nowMs, fraction: fraction, &fetched)
    }
    let isEmpty = fetched.deliveries.allSatisfy(\.batches.isEmpty) && fetched.failures.isEmpty
    let notBeforeMs = known.sentMs + min(Self.minWaitMs, Int64(settings.maxWaitMs))
    // Those that had nothing come first next time.
    for partition in known.partitions where slots[partition]?.call == call {
      slots[partition]?.call = nil
      if isEmpty, nowMs < notBeforeMs { waiting[partition] = notBeforeMs }
      offer(partition)
    }
    for delivery in fetched.deliveries { offer(delivery.partition) }
    return fetched
  }

  private mutating func take(
    _ partition: FetchedPartition, _ id: TopicPartition, nowMs: Int64, fraction: Double, _ fetched: inout Fetched
  ) {
    guard var slot = slots[id] else { return }
    if let error = partition.error {
      slots[id]?.call = nil
      if TailraceError.Code(error.code).isRetriable {
        slot.backoff.fail(nowMs: nowMs, fraction: fraction)
        slots[id]?.backoff = slot.backoff
        waiting[id] = slot.backoff.retryAtMs
        fetched.troubles.append((id, error))
      } else {
        // Whoever is told decides whether it is fetched again.
        remove(id)
        fetched.failures.append(Failure(cursor: slot.cursor, error: error, answer: partition))
      }
      return
    }
    var delivery = Delivery(partition: id, batches: [], highWatermark: partition.highWatermark)
    do throws(RecordBatchError) {
      for message in partition.batches {
        let header = try RecordBatchHeader(checking: message)
        guard let wanted = slot.cursor.advance(over: header) else { continue }
        delivery.batches.append(FetchedBatch(header: header, records: message.records, wanted: wanted))
      }
    } catch {
      remove(id)
      let error = PartitionError(code: error.code, message: error.message)
      fetched.failures.append(Failure(cursor: slot.cursor, error: error, answer: partition))
    }
    // An end that moved without records to fetch tells how far behind one is, nevertheless.
    if !delivery.batches.isEmpty || slot.highWatermark != partition.highWatermark {
      fetched.deliveries.append(delivery)
    }
    guard slots[id] != nil else { return }
    slot.highWatermark = partition.highWatermark
    slot.backoff.succeed()
    if !delivery.batches.isEmpty { slot.call = nil }
    slots[id] = slot
  }
}

extension FetchSession {
  /// What an answer brought, in order.
  struct Fetched {
    var deliveries: [Delivery] = []
    /// These are not fetched any more.
    var failures: [Failure] = []
    /// These are fetched again, later.
    var troubles: [(partition: TopicPartition, error: PartitionError)] = []
  }

  struct Delivery {
    let partition: TopicPartition
    var batches: [FetchedBatch]
    let highWatermark: Int64
  }

  struct Failure {
    let cursor: PartitionCursor
    let error: PartitionError
    let answer: FetchedPartition
  }
}
