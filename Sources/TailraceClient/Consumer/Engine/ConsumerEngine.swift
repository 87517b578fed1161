internal import Logging
internal import NIOCore
internal import TailraceWire

/// Carries out what a `ConsumerMachine` wants, on an event loop: so a member is heard of whatever users' tasks do, and
/// for however long. There is no task of its own but for callbacks and look-ups; it ends with `close`.
actor ConsumerEngine {
  enum Event: Sendable {
    case start
    case connected(RPCError?)
    case answered(UInt64, Result<ConsumerAnswer, RPCError>)
    case delivery([DeliveryState.Notice])
    case notified(UInt64)
    /// These were paused or resumed: what the queue says of them holds, in whatever order that is heard of.
    case pause([TopicPartition])
    case withdraw(UInt64)
    case tick
    case close
  }

  private typealias Waiter = CheckedContinuation<Result<Void, TailraceError>, Never>

  nonisolated let queue: DeliveryQueue
  private nonisolated let loop: any EventLoop
  private nonisolated let executor: any SerialExecutor
  private let client: Client
  private let callbacks: [PartitionNotice: ConsumerConfiguration.Callback]
  private let calls: ConsumerCalls
  private var machine: ConsumerMachine
  private var telemetry: ConsumerTelemetry
  private var hasStarted = false
  /// Keeps it in memory from its start to its end, whoever refers to it.
  private var lifeline: ConsumerEngine?
  private var connectWaiter: UInt64?
  /// What each call under way is given up by.
  private var cancellations: [UInt64: @Sendable () -> Void] = [:]
  private var callback: Task<Void, Never>?
  private var waiters: [UInt64: Waiter] = [:]
  /// Those who wait for the end.
  private var mourners: [UInt64: CheckedContinuation<Void, Never>] = [:]
  private var timer: (atMs: Int64, task: Scheduled<Void>)?

  init(_ client: Client, _ configuration: ConsumerConfiguration) throws(TailraceError) {
    let settings = try configuration.settings(clientID: client.configuration.clientID)
    self.client = client
    loop = client.link.eventLoop
    executor = loop.executor
    queue = DeliveryQueue(maxBytes: configuration.maxBufferedBytes)
    callbacks = [
      .assigned: configuration.onAssigned, .revoked: configuration.onRevoked, .lost: configuration.onLost,
    ].compactMapValues { $0 }
    calls = ConsumerCalls(settings, client)
    machine = ConsumerMachine(settings, memberID: MemberID.random())
    telemetry = ConsumerTelemetry(client.configuration.metrics)
    queue.onNotice { [weak self] notices in self?.post(.delivery(notices)) }
  }

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Tells it of something, from any thread.
  nonisolated func post(_ event: Event) {
    loop.execute { self.assumeIsolated { $0.take(event) } }
  }

  /// Why it has ended, or is about to; nil: all is well.
  var reason: TailraceError? { machine.reason }

  /// Whether it is a member that reads all that it shall own, and lets nothing go.
  var readsItsShare: Bool { machine.readsItsShare }

  /// Whether anything is read and not committed.
  var hasUncommitted: Bool { machine.ledger.hasUncommitted }

  /// How many wait for an answer or the end; for tests that look whether any is forgotten.
  var waiterCount: Int { waiters.count + mourners.count }

  /// Asks something of the machine, and waits until it is done; at most as long as a call may take.
  func ask(_ question: @Sendable (inout ConsumerMachine, UInt64) -> Void) async throws(TailraceError) {
    guard !machine.hasEnded else { throw ConsumerMachine.closed }
    hasStarted = true
    let id = machine.nextID()
    let timer = loop.scheduleTask(in: .milliseconds(client.configuration.callTimeout.ms)) { [weak self] in
      self?.assumeIsolated { $0.giveUp(id, Self.late) }
    }
    defer { timer.cancel() }
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: Waiter) in
        if Task.isCancelled { return continuation.resume(returning: .failure(DeliveryQueue.cancelled)) }
        waiters[id] = continuation
        question(&machine, id)
        advance()
      }
    } onCancel: {
      post(.withdraw(id))
    }
    try result.get()
  }

  private func giveUp(_ id: UInt64, _ error: TailraceError) {
    waiters.removeValue(forKey: id)?.resume(returning: .failure(error))
  }

  private static let late = TailraceError(
    .deadlineExceeded, "not done within the call's time-out; it may be done nevertheless")

  /// Waits for the end, or until the task is cancelled.
  func ended() async {
    let id = machine.nextID()
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if machine.hasEnded || Task.isCancelled { return continuation.resume() }
        mourners[id] = continuation
      }
    } onCancel: {
      post(.withdraw(id))
    }
  }

  /// Ends, and waits for that, whether the task is cancelled or not.
  func close() async {
    take(.close)
    let id = machine.nextID()
    await withCheckedContinuation { continuation in
      if machine.hasEnded { return continuation.resume() }
      mourners[id] = continuation
    }
  }

  // MARK: Events

  private var nowMs: Int64 { Int64(clamping: NIODeadline.now().uptimeNanoseconds / 1_000_000) }

  private func take(_ event: Event) {
    switch event {
    case .start: hasStarted = true
    case .connected(let error):
      connectWaiter = nil
      if let error { machine.cannotConnect(error, nowMs: nowMs) } else { machine.connected() }
    case .answered(let call, let result):
      cancellations[call] = nil
      machine.take(call, result, nowMs: nowMs)
    case .delivery(let notices): take(notices)
    case .notified(let id):
      callback = nil
      machine.notified(id)
    case .pause(let partitions):
      for partition in partitions { machine.session.pause(partition, queue.look { $0.isPaused(partition) }) }
    case .withdraw(let id):
      giveUp(id, DeliveryQueue.cancelled)
      mourners.removeValue(forKey: id)?.resume()
    case .tick: timer = nil
    case .close: machine.stop(nil, nowMs: nowMs)
    }
    if hasStarted || machine.isEnding { advance() }
    if case .answered = event { telemetry.behind(nowMs: nowMs) { queue.look(\.lag) } }
  }

  private func take(_ notices: [DeliveryState.Notice]) {
    var released: [TopicPartition: ReadPosition] = [:]
    for notice in notices {
      switch notice {
      case .released(let partition, let position): released[partition] = position
      case .room(let partition): machine.session.fill(partition, false)
      }
    }
    machine.released(released)
  }

  private func advance() {
    if !machine.hasEnded { lifeline = self }
    var steps = machine.takeSteps()
    repeat {
      for step in steps { perform(step) }
      steps = machine.takeSteps()
      if steps.isEmpty { steps = machine.next(nowMs: nowMs, processed: { queue.look(\.processed) }) }
    } while !steps.isEmpty
    wake(atMs: machine.wakeAtMs)
    if machine.hasEnded { finish() }
  }

  private func wake(atMs: Int64?) {
    guard timer?.atMs != atMs else { return }
    timer?.task.cancel()
    timer = atMs.map { atMs in
      let delay = TimeAmount.milliseconds(max(1, atMs - nowMs))
      return (atMs, loop.scheduleTask(in: delay) { [weak self] in self?.assumeIsolated { $0.take(.tick) } })
    }
  }

  private func finish() {
    if let connectWaiter { client.link.withdraw(connectWaiter) }
    connectWaiter = nil
    callback?.cancel()
    for waiter in waiters.values { waiter.resume(returning: .failure(ConsumerMachine.closed)) }
    for mourner in mourners.values { mourner.resume() }
    (waiters, mourners) = ([:], [:])
    lifeline = nil
  }

  // MARK: Steps

  private func perform(_ step: ConsumerStep) {
    switch step {
    case .connect:
      connectWaiter = client.link.whenConnected { [weak self] result in
        if case .failure(let error) = result { self?.post(.connected(error)) } else { self?.post(.connected(nil)) }
      }
    case .call(let id, let call): make(id, call)
    case .cancel(let id): cancellations.removeValue(forKey: id)?()
    case .open(let partition, let position):
      queue.update { $0.open(partition, at: position.offset, epoch: position.epoch) }
    case .deliver(let partition, let batches, let highWatermark):
      telemetry.fetched(partition.topic, batches)
      let isFull = queue.update { $0.add(partition, batches, highWatermark: highWatermark) }
      if isFull { machine.session.fill(partition, true) }
    case .fail(let partition, let error): queue.fail(partition, error)
    case .revoke(let partitions): queue.update { $0.revoke(partitions) }
    case .close(let partitions): queue.update { $0.close(partitions) }
    case .reset(let partition, let destination):
      if let offset = queue.update({ $0.reset(partition, to: destination) }) { machine.moved(partition, to: offset) }
    case .notify(let id, let kind, let partitions): notify(id, kind, partitions)
    case .answer(let id, let result): waiters.removeValue(forKey: id)?.resume(returning: result)
    case .finish(let error): queue.update { $0.finish(error) }
    case .log(let level, let message):
      client.configuration.logger.log(level: level, "\(message)", metadata: calls.metadata)
    }
  }

  private func notify(_ id: UInt64, _ kind: PartitionNotice, _ partitions: [TopicPartition]) {
    telemetry.rebalanced(kind)
    guard let body = callbacks[kind] else { return machine.notified(id) }
    callback = Task { @concurrent [weak self] in
      await body(partitions)
      self?.post(.notified(id))
    }
  }

  private func make(_ id: UInt64, _ call: ConsumerCall) {
    // The one that others use, too: one that the broker wants left is so, once its calls are answered.
    guard let connection = client.link.current else {
      return post(.answered(id, .failure(RPCError(.unavailable, "there is no connection"))))
    }
    cancellations[id] = calls.make(call, over: connection) { [weak self] in self?.post(.answered(id, $0)) }
  }
}
