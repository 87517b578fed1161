internal import NIOCore
public import ServiceLifecycle
internal import Synchronization
internal import TailraceWire

/// Sends records to topics: gathers them into batches, keeps their order in each partition, and sends again what may have
/// been lost, so that each is stored once.
///
/// ```swift
/// let stored = try await producer.send(ProducerRecord(key: "visitor-7", value: "/index.html"), to: "page-views")
/// ```
///
/// `send` waits until the record is stored; many tasks may do so at a time. `enqueue` only waits for room, and returns a
/// `Delivery` to ask later, or to drop: `flush` tells of failures, too. Close it at the end, or let a `ServiceGroup` run
/// it; what was handed over is stored first, in a graceful shutdown. Thread-safe.
public final class Producer: Service {
  let client: Client
  let configuration: ProducerConfiguration
  let core: Mutex<ProducerCore>
  let telemetry: ProducerTelemetry
  /// Whether somebody sends: one thread at a time, so that batches leave in order.
  let pumping = Mutex(Pumping())

  struct Pumping {
    var isBusy = false
    var isWanted = false
    var timerAt: NIODeadline?
    var timer: Scheduled<Void>?
    /// By which it waits for a connection, or did.
    var connectWaiter: UInt64?
  }

  /// A producer over `client`, which must stay open for longer. Fails with INVALID_ARGUMENT where the configuration makes
  /// no sense.
  public init(
    _ client: Client, _ configuration: ProducerConfiguration = ProducerConfiguration()
  ) throws(TailraceError) {
    try configuration.check()
    self.client = client
    self.configuration = configuration
    telemetry = ProducerTelemetry(client.configuration)
    core = Mutex(
      ProducerCore(
        configuration,
        backoff: Backoff(firstMs: client.configuration.initialBackoff.ms, maxMs: client.configuration.maxBackoff.ms)))
  }

  /// What is not settled when nobody refers to the producer any more fails with CANCELLED: close it before.
  deinit { abandon(TailraceError(.cancelled, "the producer was dropped before it was closed")) }

  // MARK: Records

  /// Sends a record and waits until it is stored, as `ProducerConfiguration.acks` says. Fails where it is not stored for
  /// certain or within the delivery time-out. Where the task is cancelled the record may be stored nevertheless.
  @discardableResult public func send(
    _ record: ProducerRecord, to topic: String
  ) async throws(TailraceError) -> RecordMetadata {
    try await enqueue(record, to: topic).value
  }

  /// Hands a record over. Suspends while the buffer is full (`maxBufferedBytes`), and to look the topic up the first
  /// time. Fails where the record can never be stored, with UNKNOWN_TOPIC where there is no such topic, with
  /// FAILED_PRECONDITION where the producer is closed, with CANCELLED where the task is cancelled while it waits.
  ///
  /// Inlined: nearly every record is taken without suspending, and costs its caller no asynchronous call then.
  @inlinable @discardableResult public func enqueue(
    _ record: ProducerRecord, to topic: String
  ) async throws(TailraceError) -> Delivery {
    if let delivery = takeAtOnce(record, topic) { return delivery }
    return try await takeInTime(record, topic)
  }

  /// Nil where that takes time, or fails.
  @usableFromInline func takeAtOnce(_ record: ProducerRecord, _ topic: String) -> Delivery? {
    guard case .appended(let delivery, _) = take(record, topic, hasRoom: false) else { return nil }
    return delivery
  }

  /// The same, waiting for room and looking the topic up where that is needed.
  @usableFromInline func takeInTime(
    _ record: ProducerRecord, _ topic: String
  ) async throws(TailraceError) -> Delivery {
    var outcome = take(record, topic, hasRoom: false)
    var wasLookedUp = false
    while true {
      switch outcome {
      case .appended(let delivery, _): return delivery
      case .full(let byteCount):
        try await waitForRoom(byteCount)
        outcome = take(record, topic, hasRoom: true)
        if case .appended = outcome {} else { giveBack(byteCount) }
      case .failed(let error) where error.code == .unknownPartition && !wasLookedUp:
        // It may have been added.
        wasLookedUp = true
        try await lookUp(topic)
        outcome = take(record, topic, hasRoom: false)
      case .needsTopic:
        wasLookedUp = true
        try await lookUp(topic)
        outcome = take(record, topic, hasRoom: false)
      case .failed(let error): throw error
      }
    }
  }

  /// Without suspending: the way of nearly every record.
  private func take(_ record: ProducerRecord, _ topic: String, hasRoom: Bool) -> ProducerCore.Appending {
    let outcome = core.withLock { $0.append(record, to: topic, hasRoom: hasRoom) }
    if case .appended(_, let duties) = outcome {
      if duties.hasSealed { buildSealed() }
      if duties.isUrgent { pump() }
      if duties.isFirst { refreshIfOld(topic) }
    }
    return outcome
  }

  private func waitForRoom(_ byteCount: Int) async throws(TailraceError) {
    let id = core.withLock { $0.buffer.nextID() }
    let outcome: Result<Void, TailraceError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let now: Result<Void, TailraceError>? = core.withLock { core in
          if let refusal = core.refusal { return .failure(refusal) }
          if Task.isCancelled { return .failure(Self.cancelled) }
          guard core.buffer.wait(id, for: byteCount, continuation) else { return .success(()) }
          core.markAll()
          return nil
        }
        if let now { continuation.resume(returning: now) } else { pump() }
      }
    } onCancel: {
      core.withLock { $0.buffer.withdraw(id) }?.resume(returning: .failure(Self.cancelled))
    }
    try outcome.get()
  }

  private func giveBack(_ byteCount: Int) {
    for continuation in core.withLock({ $0.buffer.release(byteCount) }) { continuation.resume(returning: .success(())) }
  }

  static let cancelled = TailraceError(.cancelled, "the task was cancelled")

  // MARK: The end

  /// Sends what was handed over so far without waiting for more, and returns once all of it is settled. Fails with the
  /// first failure of a record since the last flush, also where a delivery has told of it; with CANCELLED where the task
  /// is cancelled.
  public func flush() async throws(TailraceError) {
    let pending = core.withLock { $0.flush() }
    pump()
    for completion in pending {
      guard await completion.wait() != nil else { throw Self.cancelled }
    }
    if let failure = core.withLock({ $0.takeFailure() }) { throw failure }
  }

  /// Takes no more records, and returns once those that were handed over are settled: each delivery has a result, within
  /// the delivery time-out. Where the task is cancelled, what is not stored by then fails with CANCELLED. Fails as `flush`
  /// does. To close twice is fine.
  public func close() async throws(TailraceError) {
    let closed = TailraceError(.failedPrecondition, "this producer is closed")
    let waiting = core.withLock { core in
      core.refuse(closed)
      return core.buffer.removeAll()
    }
    for continuation in waiting { continuation.resume(returning: .failure(closed)) }
    do throws(TailraceError) {
      try await flush()
    } catch {
      if error.code == .cancelled { abandon(Self.cancelled) }
      throw error
    }
  }

  /// Serves until the service group shuts down gracefully, then closes, and fails as `close` does. Where the task is
  /// cancelled instead, what is not stored by then is given up.
  public func run() async throws {
    try? await gracefulShutdown()
    try await close()
  }
}

/// Runs `body` with a producer that is closed, with all it was given settled, when `body` ends in whatever way. Fails as
/// `body` does, else with the first failure of a record since the last flush, also where a delivery has told of it.
@discardableResult public func withProducer<Value>(
  _ client: Client, _ configuration: ProducerConfiguration = ProducerConfiguration(),
  _ body: (Producer) async throws -> Value
) async throws -> Value {
  let producer = try Producer(client, configuration)
  let value: Value
  do {
    value = try await body(producer)
  } catch {
    // What the body failed with says more than that some records failed, too.
    try? await producer.close()
    throw error
  }
  try await producer.close()
  return value
}
