internal import Logging
internal import NIOCore
internal import Synchronization
internal import TailraceWire

extension Producer {
  /// Does what there is to do, unless another thread is at it, which then does that, too. Never blocks.
  func pump() {
    let isMine = pumping.withLock { pumping in
      pumping.isWanted = true
      if pumping.isBusy { return false }
      pumping.isBusy = true
      return true
    }
    guard isMine else { return }
    repeat {
      pumping.withLock { $0.isWanted = false }
      setTimer(performAll())
    } while !stopPumping()
  }

  /// Returns when there may be something to do next.
  private func performAll() -> NIODeadline? {
    while true {
      let (action, wakeAt) = core.withLock { core in
        (core.nextAction(over: client.link.current, now: .now()), core.wakeAt)
      }
      guard let action else { return wakeAt }
      perform(action)
    }
  }

  private func stopPumping() -> Bool {
    pumping.withLock { pumping in
      if !pumping.isWanted { pumping.isBusy = false }
      return !pumping.isWanted
    }
  }

  private func perform(_ action: ProducerCore.Action) {
    switch action {
    case .seal(let sealed): build(sealed)
    case .send(let order): send(order)
    case .identify(let connection): identify(over: connection)
    case .connect: connect()
    }
  }

  private func connect() {
    let waiter = client.link.whenConnected { [self] result in
      switch result {
      case .success:
        core.withLock { $0.connected(nil) }
        pump()
      case .failure(let error): connectionFailed(TailraceError(error))
      }
    }
    pumping.withLock { $0.connectWaiter = waiter }
  }

  /// Has nothing to send any more: the client need not connect for it.
  private func withdraw() {
    let waiter = pumping.withLock { $0.connectWaiter.take() }
    if let waiter { client.link.withdraw(waiter) }
  }

  private func connectionFailed(_ error: TailraceError) {
    core.withLock { $0.connected(error) }
    tellAll()
  }

  /// Builds the batches that are full.
  func buildSealed() {
    while let sealed = core.withLock({ $0.takeSealed() }) { build(sealed) }
  }

  /// Compresses and sums up a batch, outside the lock.
  private func build(_ sealed: ProducerCore.Sealed) {
    let result: Result<ValidatedBatch, TailraceError>
    do throws(RecordBatchError) {
      result = .success(try sealed.batch.builder.build(compression: configuration.compression.wire))
    } catch {
      result = .failure(TailraceError(error))
    }
    core.withLock { $0.built(sealed, result) }
    if case .failure = result { tell(core.withLock { $0.takeSettled(of: sealed.queue) }) }
  }

  // MARK: Calls

  private func send(_ order: ProducerCore.Order) {
    let prefix = SingleProduceRequest.prefix(
      acks: configuration.acks.wire, topic: order.topic, partition: order.partition, header: order.batch.header)
    let call = client.telemetry.begin(.logServiceProduce)
    let options = CallOptions(timeout: .nanoseconds(order.timeout.nanoseconds), metadata: call.metadata)
    // Not the whole order: its memory serves the next batch as soon as this one is answered.
    let (queue, serial) = (order.queue, order.serial)
    order.connection.send(.logServiceProduce, prefix, payload: order.batch.records, options) { [self] result in
      call.end(result.failure)
      answered(queue, serial, Self.outcome(result, acks: configuration.acks))
    }
  }

  /// What an answer says of the batch that was asked about.
  static func outcome(
    _ result: Result<ByteBuffer, RPCError>, acks: ProducerConfiguration.Acks
  ) -> BatchCompletion.Outcome {
    do throws(RPCError) {
      let bytes = try result.get()
      guard let response = try? ProduceResponse(decoding: bytes) else {
        throw RPCError(.internalError, "the broker's answer cannot be read")
      }
      let target = response.results.first
      if let error = target?.error { return .failure(TailraceError(error)) }
      guard let batch = target?.batches.first else {
        // Nothing is told where acks are none.
        guard acks == .none else { throw RPCError(.internalError, "the broker's answer says nothing of the batch") }
        return .success(-1)
      }
      if let error = batch.error { return .failure(TailraceError(error)) }
      return .success(batch.baseOffset)
    } catch {
      return .failure(TailraceError(error))
    }
  }

  private func answered(_ queue: Int, _ serial: UInt64, _ outcome: BatchCompletion.Outcome) {
    let (retried, leaving) = core.withLock { core in
      let retried = core.answered(queue, serial, outcome, now: .now(), jitter: .random(in: 0...1))
      // One that was fenced has given up everything.
      return (retried, core.refusal == nil ? core.takeSettled(of: queue) : nil)
    }
    if let retried {
      telemetry.retried()
      client.configuration.logger.debug("a batch is sent again", metadata: ["error": "\(retried)"])
    }
    if let leaving { tell(leaving) } else { tellAll() }
    pump()
  }

  private func identify(over connection: Connection) {
    let request = InitProducerRequest(producerName: configuration.name)
    // A request of a name or nothing can be encoded, but for a NUL in the name.
    guard let bytes = try? request.encoded() else {
      identified(.failure(TailraceError(.invalidArgument, "the producer's name holds a NUL")))
      return
    }
    let call = client.telemetry.begin(.logServiceInitProducer)
    let options = CallOptions(timeout: configuration.requestTimeout, metadata: call.metadata)
    connection.send(.logServiceInitProducer, bytes, options) { [self] result in
      call.end(result.failure)
      identified(
        result.mapError { TailraceError($0) }.flatMap { bytes in
          guard let response = try? InitProducerResponse(decoding: bytes) else {
            return .failure(TailraceError(.internalError, "the broker's answer cannot be read"))
          }
          return .success(ProducerIdentity(id: response.producerID, epoch: response.producerEpoch))
        })
    }
  }

  private func identified(_ result: Result<ProducerIdentity, TailraceError>) {
    core.withLock { $0.identified(result, now: .now()) }
    if case .failure = result { tellAll() }
    pump()
  }

  // MARK: Telling

  /// Gives up everything.
  func abandon(_ error: TailraceError) {
    core.withLock { $0.abandon(error) }
    tellAll()
    withdraw()
  }

  /// Tells of all that has left; where nothing is taken any more, also those who wait for room.
  private func tellAll() {
    let (leaving, refused, refusal) = core.withLock { core in
      let leaving = core.takeAllSettled()
      return (leaving, core.refusal == nil ? [] : core.buffer.removeAll(), core.refusal)
    }
    tell(leaving)
    if let refusal {
      for continuation in refused { continuation.resume(returning: .failure(refusal)) }
    }
  }

  private func tell(_ leaving: ProducerCore.Leaving) {
    for batch in leaving.settled {
      telemetry.settled(batch)
      batch.completion.complete(batch.outcome)
    }
    if !leaving.settled.isEmpty { core.withLock { $0.told(leaving) } }
    for continuation in leaving.admitted { continuation.resume(returning: .success(())) }
  }

  // MARK: Time

  private func setTimer(_ moment: NIODeadline?) {
    guard let moment else { return }
    let isNew = pumping.withLock { pumping in
      if let timerAt = pumping.timerAt, timerAt <= moment { return false }
      pumping.timerAt = moment
      return true
    }
    guard isNew else { return }
    let timer = client.link.schedule(at: moment) { [weak self] in self?.tick(moment) }
    let old = pumping.withLock { pumping in
      defer { pumping.timer = timer }
      return pumping.timer
    }
    old?.cancel()
  }

  private func tick(_ moment: NIODeadline) {
    pumping.withLock { pumping in
      if pumping.timerAt == moment { pumping.timerAt = nil }
    }
    core.withLock { $0.tick(now: .now()) }
    tellAll()
    pump()
  }
}

extension Result where Failure == RPCError {
  var failure: RPCError? { if case .failure(let error) = self { error } else { nil } }
}

extension ProducerConfiguration.Acks {
  fileprivate var wire: Acks {
    switch self {
    case .topicDefault: .unspecified
    case .none: .none
    case .written: .written
    case .durable: .durable
    }
  }
}

extension ProducerConfiguration.Compression {
  fileprivate var wire: Compression {
    switch self {
    case .none: .none
    case .gzip: .gzip
    case .lz4: .lz4
    case .zstd: .zstd
    }
  }
}
