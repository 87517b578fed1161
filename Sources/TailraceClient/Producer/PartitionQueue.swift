internal import DequeModule
internal import NIOCore
internal import TailraceWire

/// The batches of one partition on their way to the broker, oldest first. A plain value, guarded by the producer's lock.
///
/// Up to five batches are under way at a time; the broker appends them in order, by their sequences. When one of them
/// fails in a way that may pass, nothing more is sent until all that are under way are answered; then those that are not
/// stored are sent again, from the first one on, with the sequences that they have. So order is kept, and the broker
/// tells whether an attempt without an answer was stored.
///
/// When the first batch is refused because the broker expects another sequence, or does not know the producer any more,
/// it is certainly not stored, and neither is any after it: a batch before them failed for good, or the log fell back.
/// Then the partition begins anew, under another identity. What was sent under the old one and is still on its way through
/// a network that held it up past the delivery time-out could be stored nevertheless.
struct PartitionQueue {
  let topic: String
  let partition: UInt32
  private(set) var open: OpenBatch?
  /// The open batch's, or the last one's.
  private var openCompletion: BatchCompletion
  private(set) var batches = Deque<SealedBatch>()
  /// The serial of the first of `batches`.
  private var firstSerial: UInt64 = 0
  private(set) var inFlight = 0
  /// A batch is to be sent again: first, what is under way is awaited.
  private(set) var isHalted = false
  private(set) var retryAt = NIODeadline.uptimeNanoseconds(0)
  private var backoff: Backoff
  private(set) var identity: ProducerIdentity?
  private var nextSequence: UInt32 = 0
  /// Whether the open batch is to be sent without waiting for more records.
  var isFlushing = false
  /// Over which those in flight were sent.
  private var connection: ObjectIdentifier?

  init(topic: String, partition: UInt32, backoff: Backoff) {
    self.topic = topic
    self.partition = partition
    self.backoff = backoff
    openCompletion = BatchCompletion(topic: topic, partition: Int(partition))
  }

  var isEmpty: Bool { open == nil && batches.isEmpty }

  /// Of every batch of which nothing was told yet.
  var completions: [BatchCompletion] {
    settled.map(\.completion) + batches.filter { $0.phase != .done }.map(\.completion)
      + (open.map { [$0.completion] } ?? [])
  }

  /// A batch that has left, with what is to be told of it.
  struct Settled {
    var completion: BatchCompletion
    var outcome: BatchCompletion.Outcome
    /// Room in the buffer that is free again.
    var bufferedBytes: Int
    var recordCount: Int
    /// What held its records, where they were sent as they are.
    var memory: ByteBuffer?
  }

  private var settled: [Settled] = []

  /// What has left since it was last asked.
  mutating func takeSettled() -> [Settled] {
    guard !settled.isEmpty else { return [] }
    defer { settled = [] }
    return settled
  }

  // MARK: Taking in

  /// Opens a batch that is filled in `memory`. There is no open one.
  mutating func openBatch(nowMs: Int64, in memory: ByteBuffer) {
    openCompletion = BatchCompletion(topic: topic, partition: Int(partition))
    open = OpenBatch(
      completion: openCompletion, openedAt: .now(), builder: RecordSetBuilder(baseTimestampMs: nowMs, memory: memory))
  }

  /// Adds a record to the open batch. `growth`: bytes that the batch has more now.
  mutating func append(_ record: ProducerRecord, nowMs: Int64) -> (delivery: Delivery, growth: Int) {
    let index = open?.count ?? 0
    // In place: a copy of the batch, however short-lived, would make each record copy all of those before it. And nothing
    // of it is read afterwards, which would wait until the record is in memory.
    let growth = open?.builder.append(
      key: record.key, value: record.value, headers: record.wireHeaders, timestampMs: record.timestampMs ?? nowMs)
    return (
      Delivery(batch: openCompletion, index: index), (growth ?? 0) + (index == 0 ? RecordBatchHeader.byteCount : 0)
    )
  }

  /// Whether the open batch has no room for so many bytes more. Changes nothing: what is mutating is called in place, where
  /// the compiler makes a copy of the whole queue for what is not, with each record.
  mutating func isFull(with byteCount: Int, of batchBytes: Int) -> Bool {
    (open?.builder.byteCount).map { $0 + byteCount > batchBytes } ?? false
  }

  /// Makes of the open batch one that is to be built; returns it with its serial.
  mutating func seal(deadline: Duration) -> (serial: UInt64, batch: OpenBatch)? {
    guard let batch = open.take() else { return nil }
    isFlushing = false
    batches.append(
      SealedBatch(
        completion: batch.completion, bufferedBytes: batch.builder.byteCount, recordCount: batch.count,
        deadline: batch.openedAt + .milliseconds(deadline.ms), phase: .building))
    return (firstSerial + UInt64(batches.count - 1), batch)
  }

  /// The batch of this serial is built.
  mutating func built(_ serial: UInt64, _ batch: ValidatedBatch) {
    guard let index = index(of: serial) else { return }
    batches[index].batch = batch
    batches[index].phase = .ready
  }

  /// The batch of this serial cannot be built.
  mutating func unbuildable(_ serial: UInt64, _ error: TailraceError) {
    guard let index = index(of: serial) else { return }
    finish(index, .failure(error))
    dropDone()
  }

  private func index(of serial: UInt64) -> Int? {
    guard serial >= firstSerial, serial - firstSerial < UInt64(batches.count) else { return nil }
    return Int(serial - firstSerial)
  }

  // MARK: Sending

  /// What a queue may do next.
  enum Step {
    case nothing
    /// Nothing before this moment.
    case wait(NIODeadline)
    /// Seal the open batch, build it and look again.
    case seal
    case identify
    case send(serial: UInt64, ValidatedBatch, timeout: TimeAmount)
  }

  /// The next step; a `.send` is noted as under way.
  mutating func next(
    _ rules: SendingRules, over connection: ObjectIdentifier, known identity: ProducerIdentity?, now: NIODeadline,
    isDraining: Bool = false, isRoomAwaited: Bool = false
  ) -> Step {
    guard !isHalted, inFlight < rules.maxInFlight else { return .nothing }
    // What was sent over another connection may still be on its way.
    guard inFlight == 0 || self.connection == connection else { return .nothing }
    guard retryAt <= now else { return .wait(retryAt) }
    guard let index = batches.indices.first(where: { batches[$0].phase.isUnsent }) else {
      return nextOpen(rules, now: now, isRoomAwaited: isRoomAwaited)
    }
    // Answers may come in any order. The broker remembers its last five batches: the first one here must be among them.
    guard index < rules.maxInFlight, batches[index].phase == .ready, let batch = batches[index].batch else {
      return .nothing
    }
    // A new identity takes over from the old one everywhere: first, what was sent under that is settled.
    if isDraining && batches[index].sequence == nil { return .nothing }
    guard let numbered = number(batch, at: index, rules, known: identity) else { return .identify }
    batches[index].phase = .inFlight
    batches[index].wasSent = true
    inFlight += 1
    self.connection = connection
    let timeout = min(rules.requestTimeout, max(batches[index].deadline - now, .milliseconds(1)))
    return .send(serial: firstSerial + UInt64(index), numbered, timeout: timeout)
  }

  private func nextOpen(_ rules: SendingRules, now: NIODeadline, isRoomAwaited: Bool) -> Step {
    guard let open, isFlushing || inFlight == 0, batches.count < rules.maxInFlight else { return .nothing }
    // Lingering would hold up whoever waits for room.
    let due = isRoomAwaited ? now : open.openedAt + rules.linger
    return isFlushing || due <= now ? .seal : .wait(due)
  }

  /// The batch with identity and sequence; nil where an identity is needed first.
  private mutating func number(
    _ batch: ValidatedBatch, at index: Int, _ rules: SendingRules, known: ProducerIdentity?
  ) -> ValidatedBatch? {
    guard rules.isIdempotent else { return batch }
    guard let identity = identity ?? known else { return nil }
    self.identity = identity
    let sequence = batches[index].sequence ?? nextSequence
    if batches[index].sequence == nil {
      batches[index].sequence = sequence
      // After 2^31 - 1 comes 0.
      nextSequence = (sequence &+ batch.header.recordCount) & UInt32(Int32.max)
    }
    return batch.from(producerID: identity.id, epoch: identity.epoch, sequence: sequence)
  }

  // MARK: Answers

  /// What an answer came to.
  enum Verdict {
    case settled
    /// It is sent again.
    case retried(TailraceError)
    /// The partition begins anew under another identity: this one is of no use any more.
    case reset(ProducerIdentity)
    case fenced(TailraceError)
  }

  /// Takes the outcome of a batch in flight.
  mutating func answer(
    _ serial: UInt64, _ outcome: BatchCompletion.Outcome, _ rules: SendingRules, now: NIODeadline,
    jitter: @autoclosure () -> Double
  ) -> Verdict {
    guard let index = index(of: serial), batches[index].phase == .inFlight else { return .settled }
    inFlight -= 1
    defer { if inFlight == 0 { isHalted = false } }
    var verdict = Verdict.settled
    switch outcome {
    case .success:
      finish(index, outcome)
      backoff.succeed()
    case .failure(let error):
      verdict = fail(index, error, rules)
      switch verdict {
      case .retried, .reset: retry(now, jitter())
      case .settled, .fenced: break
      }
    }
    dropDone()
    return verdict
  }

  private mutating func fail(
    _ index: Int, _ error: TailraceError, _ rules: SendingRules
  ) -> Verdict {
    let isFirst = !batches.prefix(index).contains { $0.phase != .done }
    switch error.code {
    case .outOfOrderSequence, .unknownProducer:
      guard rules.isIdempotent else { break }
      batches[index].phase = .ready
      guard isFirst, let identity else { return .retried(error) }
      beginAnew()
      return .reset(identity)
    case .producerFenced:
      finish(index, .failure(error))
      return .fenced(error)
    case let code where code.isRetriable:
      batches[index].phase = .ready
      return .retried(error)
    default: break
    }
    finish(index, .failure(error))
    // Those after it have sequences that the broker will not take; they come back out of order.
    return .settled
  }

  private mutating func finish(_ index: Int, _ outcome: BatchCompletion.Outcome) {
    let batch = batches[index]
    settled.append(
      Settled(
        completion: batch.completion, outcome: outcome, bufferedBytes: batch.bufferedBytes,
        recordCount: batch.recordCount, memory: batch.batch?.records))
    batches[index].phase = .done
    batches[index].batch = nil
  }

  private mutating func retry(_ now: NIODeadline, _ jitter: Double) {
    // All that were under way fail together: that is one failure.
    guard !isHalted else { return }
    isHalted = true
    backoff.fail(nowMs: 0, fraction: jitter)
    retryAt = now + .milliseconds(backoff.retryAtMs)
  }

  /// Whether anything is sent under an identity and not settled.
  var isUnderIdentity: Bool {
    batches.contains { $0.phase == .inFlight || ($0.sequence != nil && $0.phase != .done) }
  }

  /// None of the batches is stored: all of them are numbered anew. Those in flight will be refused.
  mutating func beginAnew() {
    identity = nil
    nextSequence = 0
    for index in batches.indices { batches[index].sequence = nil }
  }

  private mutating func dropDone() {
    while let first = batches.first, first.phase == .done {
      batches.removeFirst()
      firstSerial += 1
    }
  }

  // MARK: Time and the end

  /// Gives up batches whose time is over, but those in flight, whose answers come first.
  mutating func expire(now: NIODeadline, deliveryTimeout: TimeAmount) {
    if let batch = open, batch.openedAt + deliveryTimeout <= now {
      open = nil
      isFlushing = false
      settle(batch, TailraceError(.deadlineExceeded, "no connection within the delivery time-out: it was never sent"))
    }
    for index in batches.indices where batches[index].phase == .ready && batches[index].deadline <= now {
      let what = batches[index].wasSent ? "whether it was stored is not known" : "it was never sent"
      finish(index, .failure(TailraceError(.deadlineExceeded, "no answer within the delivery time-out: \(what)")))
    }
    dropDone()
  }

  /// Gives up everything.
  mutating func abandon(_ error: TailraceError) {
    if let open = open.take() { settle(open, error) }
    for index in batches.indices where batches[index].phase != .done { finish(index, .failure(error)) }
    firstSerial += UInt64(batches.count)
    batches = []
    inFlight = 0
  }

  private mutating func settle(_ open: OpenBatch, _ error: TailraceError) {
    settled.append(
      Settled(
        completion: open.completion, outcome: .failure(error), bufferedBytes: open.builder.byteCount,
        recordCount: open.count))
  }

  /// When there may be something to do without any event, some of it past.
  func moments(linger: TimeAmount, deliveryTimeout: TimeAmount) -> [NIODeadline] {
    var moments: [NIODeadline] = []
    if let open { moments += [open.openedAt + linger, open.openedAt + deliveryTimeout] }
    if let first = batches.first { moments += [first.deadline, retryAt] }
    return moments
  }
}

/// What a producer's configuration says of sending.
struct SendingRules: Sendable {
  var maxInFlight: Int
  var isIdempotent: Bool
  var linger: TimeAmount
  var requestTimeout: TimeAmount
  var deliveryTimeout: TimeAmount

  init(_ configuration: ProducerConfiguration) {
    isIdempotent = configuration.isIdempotent && configuration.acks != .none
    maxInFlight = isIdempotent || configuration.acks == .none ? configuration.maxInFlightBatches : 1
    linger = .milliseconds(configuration.linger.ms)
    requestTimeout = .milliseconds(configuration.requestTimeout.ms)
    deliveryTimeout = .milliseconds(configuration.deliveryTimeout.ms)
  }
}
