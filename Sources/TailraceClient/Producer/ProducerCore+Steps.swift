internal import NIOCore
internal import TailraceWire

extension ProducerCore {
  // MARK: What to do

  /// A queue may have something to do.
  mutating func mark(_ queue: Int) {
    guard !isReady[queue] else { return }
    isReady[queue] = true
    ready.append(queue)
  }

  /// Every queue that is not empty may have something to do: there is a connection, or an identity.
  mutating func markAll() {
    for queue in queues.indices where !queues[queue].isEmpty { mark(queue) }
  }

  /// The next thing to do; nil: nothing, until something happens or `wakeAt` has come.
  mutating func nextAction(over connection: Connection?, now: NIODeadline) -> Action? {
    while let queue = ready.first, queues[queue].isEmpty { unmark() }
    endDraining()
    guard let connection else {
      guard !ready.isEmpty, !isConnecting else { return nil }
      isConnecting = true
      return .connect
    }
    while let queue = ready.first {
      let step = queues[queue].next(
        rules, over: ObjectIdentifier(connection), known: identity, now: now, isDraining: isDraining,
        isRoomAwaited: buffer.isAwaited)
      switch step {
      case .nothing: unmark()
      case .wait(let moment):
        unmark()
        wake(at: moment)
      case .seal:
        if let sealed = seal(queue) { return .seal(sealed) }
      case .identify:
        unmark()
        guard !isIdentifying else { continue }
        isIdentifying = true
        return .identify(connection)
      case .send(let serial, let batch, let timeout):
        // The others' turn.
        ready.append(ready.removeFirst())
        return .send(
          Order(
            connection: connection, queue: queue, serial: serial, topic: queues[queue].topic,
            partition: queues[queue].partition, batch: batch, timeout: timeout))
      }
    }
    return nil
  }

  private mutating func unmark() {
    let queue = ready.removeFirst()
    isReady[queue] = false
  }

  /// Once nothing is under the old identity, every queue begins anew under the next one.
  private mutating func endDraining() {
    guard isDraining, !queues.contains(where: \.isUnderIdentity) else { return }
    isDraining = false
    for queue in queues.indices { queues[queue].beginAnew() }
    markAll()
  }

  // MARK: What happened

  /// There is a connection, or none any more for `error`.
  mutating func connected(_ error: TailraceError?) {
    isConnecting = false
    if let error { abandon(error) } else { markAll() }
  }

  /// The broker has answered who this producer is, or failed to.
  mutating func identified(_ result: Result<ProducerIdentity, TailraceError>, now: NIODeadline) {
    isIdentifying = false
    switch result {
    case .success(let identity):
      self.identity = identity
      markAll()
    case .failure(let error) where error.isRetriable || error.code == .deadlineExceeded:
      wake(at: now + .milliseconds(identifyRetryMs))
    case .failure(let error): abandon(error)
    }
  }

  /// A batch was answered. Returns the failure for which it is sent again, where it is.
  mutating func answered(
    _ queue: Int, _ serial: UInt64, _ outcome: BatchCompletion.Outcome, now: NIODeadline,
    jitter: @autoclosure () -> Double
  ) -> TailraceError? {
    let verdict = queues[queue].answer(serial, outcome, rules, now: now, jitter: jitter())
    mark(queue)
    if case .failure(let error) = outcome, error.code == .unknownTopic || error.code == .unknownPartition {
      forget(queues[queue].topic)
    }
    switch verdict {
    case .settled: return nil
    case .retried(let error):
      wake(at: queues[queue].retryAt)
      return error
    case .reset(let old):
      wake(at: queues[queue].retryAt)
      if identity == old { identity = nil }
      // Under a name the next identity fences this one, in all partitions.
      isDraining = isDraining || configuration.name != nil
      return nil
    case .fenced(let error):
      abandon(error)
      return nil
    }
  }

  /// What has left, and who may go on: to be told outside the lock.
  mutating func takeSettled(of queue: Int) -> Leaving {
    var leaving = Leaving()
    leaving.settled = queues[queue].takeSettled()
    for index in leaving.settled.indices {
      leaving.admitted += buffer.release(leaving.settled[index].bufferedBytes)
      if let spare = leaving.settled[index].memory.take(), configuration.compression == .none { memory.give(spare) }
      note(leaving.settled[index].outcome)
      let completion = leaving.settled[index].completion
      telling[ObjectIdentifier(completion)] = completion
    }
    return leaving
  }

  /// The same of all queues.
  mutating func takeAllSettled() -> Leaving {
    queues.indices.reduce(into: Leaving()) { leaving, queue in leaving.add(takeSettled(of: queue)) }
  }

  /// All that left was told.
  mutating func told(_ leaving: Leaving) {
    for batch in leaving.settled { telling[ObjectIdentifier(batch.completion)] = nil }
  }

  struct Leaving {
    var settled: [PartitionQueue.Settled] = []
    var admitted: [ProducerBuffer.Continuation] = []

    mutating func add(_ other: Leaving) {
      settled += other.settled
      admitted += other.admitted
    }
  }

  // MARK: Time

  /// The timer has run down.
  mutating func tick(now: NIODeadline) {
    wakeAt = nil
    for queue in queues.indices where !queues[queue].isEmpty {
      queues[queue].expire(now: now, deliveryTimeout: rules.deliveryTimeout)
      for moment in queues[queue].moments(linger: rules.linger, deliveryTimeout: rules.deliveryTimeout) {
        if moment > now { wake(at: moment) } else { mark(queue) }
      }
    }
  }

  mutating func wake(at moment: NIODeadline) {
    wakeAt = min(wakeAt ?? moment, moment)
  }
}

/// From one failed question for an identity to the next.
private let identifyRetryMs: Int64 = 100
