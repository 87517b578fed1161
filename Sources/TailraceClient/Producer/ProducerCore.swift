internal import DequeModule
internal import NIOCore
internal import TailraceWire

/// What a producer holds: the queues of all partitions, and which of them have something to do. A plain value, guarded by
/// the producer's lock; it says what to do, and the producer does it when the lock is free again.
struct ProducerCore {
  /// A batch that is full, or sent as it is: to be built outside the lock.
  struct Sealed {
    var queue: Int
    var serial: UInt64
    var batch: OpenBatch
  }

  /// What became of a record that was handed over.
  enum Appending {
    case appended(Delivery, Duties)
    case full(byteCount: Int)
    case needsTopic
    case failed(TailraceError)
  }

  /// What is to be done for a record that was taken in.
  struct Duties {
    /// A batch is to be built, see `takeSealed`.
    var hasSealed: Bool
    /// Something may be sent now.
    var isUrgent: Bool
    /// It is the first of its batch.
    var isFirst: Bool
  }

  enum Action {
    case seal(Sealed)
    case send(Order)
    case identify(Connection)
    case connect
  }

  struct Order {
    var connection: Connection
    var queue: Int
    var serial: UInt64
    var topic: String
    var partition: UInt32
    var batch: ValidatedBatch
    var timeout: TimeAmount
  }

  let configuration: ProducerConfiguration
  let rules: SendingRules
  private let backoff: Backoff
  private var topicIndex: [String: Int] = [:]
  private var topics: [ProducerTopic] = []
  var queues: [PartitionQueue] = []
  var buffer: ProducerBuffer
  var memory = BatchMemory()
  private var clock = RecordClock()
  var identity: ProducerIdentity?
  var isIdentifying = false
  /// Whether the identity is to change, and what is under the old one is awaited.
  var isDraining = false
  /// Queues that may have something to do, each once.
  var ready = Deque<Int>()
  var isReady: [Bool] = []
  var isConnecting = false
  /// Batches that are full, until somebody builds them.
  private var sealed = Deque<Sealed>()
  /// Of batches that are settled, until they say so to whoever waits.
  var telling: [ObjectIdentifier: BatchCompletion] = [:]
  /// Why nothing is taken any more.
  private(set) var refusal: TailraceError?
  /// The first failure of a record since somebody last asked.
  private var failure: TailraceError?
  /// The earliest moment at which there may be something to do; the producer sets a timer where it is new.
  var wakeAt: NIODeadline?

  init(_ configuration: ProducerConfiguration, backoff: Backoff) {
    self.configuration = configuration
    self.backoff = backoff
    rules = SendingRules(configuration)
    buffer = ProducerBuffer(maxBytes: configuration.maxBufferedBytes)
  }

  // MARK: Records

  /// Takes a record in. `hasRoom`: its room in the buffer was taken already. `nowMs`: nil: what the clock says.
  mutating func append(
    _ record: ProducerRecord, to topic: String, hasRoom: Bool, nowMs: Int64? = nil
  ) -> Appending {
    if let refusal { return .failed(refusal) }
    guard let at = place(of: topic), !topics[at].isStale else { return .needsTopic }
    let count = topics[at].partitionCount
    var chosen = record.partition
    if chosen == nil {
      chosen = configuration.partitioner.partition(of: record, topic: topic, partitionCount: count)
    }
    let partition = chosen ?? topics[at].stickyPartition
    guard partition >= 0, partition < count else {
      return .failed(
        TailraceError(
          .unknownPartition,
          "partition \(partition) of topic '\(topic)' does not exist: it has \(count) (0-\(count - 1))"))
    }
    let byteCount = record.byteCount
    if let error = record.fault { return .failed(error) }
    guard byteCount <= ProducerConfiguration.maxBatchBytes else {
      return .failed(
        TailraceError(
          .batchTooLarge, "a record of \(byteCount) bytes; no batch is over \(ProducerConfiguration.maxBatchBytes)"))
    }
    // It may be the first of its batch.
    let room = byteCount + RecordBatchHeader.byteCount
    guard hasRoom || buffer.take(room) else { return .full(byteCount: room) }
    let queue = queue(of: partition, at)
    // Behind a full batch comes another one; where few records come, a batch for each partition would take too much.
    var capacity = byteCount
    if queues[queue].isFull(with: byteCount, of: configuration.batchBytes), let full = seal(queue) {
      sealed.append(full)
      capacity = max(byteCount, min(configuration.batchBytes, BatchMemory.maxBatchBytes))
    }
    let isFirst = queues[queue].open == nil
    let nowMs = nowMs ?? clock.nowMs(isFirst: isFirst)
    if isFirst { queues[queue].openBatch(nowMs: nowMs, in: memory.take(capacity)) }
    let (delivery, growth) = queues[queue].append(record, nowMs: nowMs)
    buffer.adjust(by: growth - room)
    if isFirst { wake(at: .now() + rules.deliveryTimeout) }
    let isUrgent = !sealed.isEmpty || queues[queue].inFlight == 0
    if isUrgent { mark(queue) }
    return .appended(delivery, Duties(hasSealed: !sealed.isEmpty, isUrgent: isUrgent, isFirst: isFirst))
  }

  /// The next batch that is to be built, by whoever filled it.
  mutating func takeSealed() -> Sealed? { sealed.popFirst() }

  private var lastTopic = 0

  private mutating func place(of topic: String) -> Int? {
    if topics.indices.contains(lastTopic), topics[lastTopic].name == topic { return lastTopic }
    guard let found = topicIndex[topic] else { return nil }
    lastTopic = found
    return found
  }

  private mutating func queue(of partition: Int, _ at: Int) -> Int {
    let known = topics[at].queues[partition]
    if known >= 0 { return known }
    queues.append(PartitionQueue(topic: topics[at].name, partition: UInt32(partition), backoff: backoff))
    isReady.append(false)
    topics[at].queues[partition] = queues.count - 1
    return queues.count - 1
  }

  /// Seals a queue's open batch.
  mutating func seal(_ queue: Int) -> Sealed? {
    guard let (serial, batch) = queues[queue].seal(deadline: configuration.deliveryTimeout) else { return nil }
    if let at = place(of: queues[queue].topic) { topics[at].sealed(Int(queues[queue].partition)) }
    wake(at: batch.openedAt + .milliseconds(configuration.deliveryTimeout.ms))
    return Sealed(queue: queue, serial: serial, batch: batch)
  }

  /// A sealed batch is built, or cannot be.
  mutating func built(_ sealed: Sealed, _ result: Result<ValidatedBatch, TailraceError>) {
    switch result {
    case .success(let batch):
      queues[sealed.queue].built(sealed.serial, batch)
      // What is sent is the builder's memory, or was compressed from it.
      if configuration.compression != .none { memory.give(sealed.batch.builder.memory) }
    case .failure(let error): queues[sealed.queue].unbuildable(sealed.serial, error)
    }
    mark(sealed.queue)
  }

  // MARK: Topics

  /// A topic was looked up.
  mutating func learn(_ name: String, partitionCount: Int, now: NIODeadline, chance: Int) {
    let at = topicIndex[name] ?? topics.count
    if at == topics.count {
      topics.append(ProducerTopic(name: name))
      topicIndex[name] = at
    }
    topics[at].learn(partitionCount: partitionCount, now: now, chance: chance)
  }

  /// What is known of a topic is out of date.
  mutating func forget(_ name: String) {
    if let at = topicIndex[name] { topics[at].forget() }
  }

  /// Whether the topic is to be looked up again, beside the work; then it is noted that somebody does.
  mutating func beginRefresh(_ name: String, now: NIODeadline) -> Bool {
    guard let at = place(of: name), !topics[at].isRefreshing, topics[at].learntAt + ProducerTopic.validity < now
    else { return false }
    topics[at].isRefreshing = true
    return true
  }

  /// The look-up beside the work failed: tried again when what is known is old anew.
  mutating func endRefresh(_ name: String, now: NIODeadline) {
    if let at = topicIndex[name] { topics[at].refreshFailed(now: now) }
  }

  // MARK: Flushing and the end

  /// Sends what is there without waiting for more; returns what is to be awaited.
  mutating func flush() -> [BatchCompletion] {
    var pending = Array(telling.values)
    for queue in queues.indices {
      pending += queues[queue].completions
      guard !queues[queue].isEmpty else { continue }
      queues[queue].isFlushing = queues[queue].open != nil
      mark(queue)
    }
    return pending
  }

  /// Takes no more records: they fail with `error`.
  mutating func refuse(_ error: TailraceError) { refusal = refusal ?? error }

  /// Gives up everything.
  mutating func abandon(_ error: TailraceError) {
    refuse(error)
    for queue in queues.indices { queues[queue].abandon(error) }
  }

  mutating func note(_ outcome: BatchCompletion.Outcome) {
    if case .failure(let error) = outcome { failure = failure ?? error }
  }

  /// The first failure since this was last asked.
  mutating func takeFailure() -> TailraceError? {
    defer { failure = nil }
    return failure
  }
}
