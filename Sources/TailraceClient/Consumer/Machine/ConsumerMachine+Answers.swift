internal import Logging
internal import NIOCore
internal import TailraceWire

// What it makes of answers.
extension ConsumerMachine {
  /// There is a connection.
  mutating func connected() {
    isConnecting = false
    isConnected = true
  }

  /// There is none, and none will come.
  mutating func cannotConnect(_ error: RPCError, nowMs: Int64) {
    isConnecting = false
    stop(TailraceError(error), nowMs: nowMs)
    endAtMs = nowMs
  }

  /// Takes the answer to a call; that of one that nobody waits for any more counts for nothing.
  mutating func take(_ id: UInt64, _ result: Result<ConsumerAnswer, RPCError>, nowMs: Int64) {
    guard let call = inFlight.removeValue(forKey: id) else { return }
    busy.remove(call.kind)
    switch result {
    case .success(let answer):
      if call.kind != .join { backoffs[call.kind] = nil }
      retryAtMs[call.kind] = nil
      connectBackoff.succeed()
      take(id, call, answer, nowMs: nowMs)
    case .failure(let error): fail(id, call, error, nowMs: nowMs)
    }
  }

  private mutating func take(_ id: UInt64, _ call: ConsumerCall, _ answer: ConsumerAnswer, nowMs: Int64) {
    switch answer {
    case .joined(let response):
      membership?.joined(response)
      if commitAtMs == nil, let intervalMs = settings.commitIntervalMs { commitAtMs = nowMs + intervalMs }
      outbox.append(.log(.debug, "joined the group"))
      reconcile(nowMs: nowMs)
    case .heard(let response):
      membership?.heard(response)
      backoffs[.join] = nil
      reconcile(nowMs: nowMs)
    case .discovered(let partitions): take(partitions, nowMs: nowMs)
    case .positioned(let points): begin(points, nowMs: nowMs)
    case .found(let offset): found(offset, id)
    case .fetched(let response): take(id, response, nowMs: nowMs)
    case .committed(let response):
      if case .commit(let request) = call { take(response, of: request.offsets, nowMs: nowMs) }
    case .left: membership?.left()
    case .described(let response): goOn(in: response, nowMs: nowMs)
    }
  }

  private mutating func take(_ partitions: PartitionAssignment, nowMs: Int64) {
    discovered = partitions
    discoverAtMs = nowMs + Self.refreshMs
    reconcile(nowMs: nowMs)
  }

  // MARK: Records

  private mutating func take(_ id: UInt64, _ response: FetchResponse, nowMs: Int64) {
    let fetched = session.take(id, response, nowMs: nowMs, fraction: fraction())
    for delivery in fetched.deliveries {
      outbox.append(.deliver(delivery.partition, delivery.batches, highWatermark: delivery.highWatermark))
    }
    for trouble in fetched.troubles {
      outbox.append(.log(.info, "\(trouble.partition): cannot be read, trying again: \(trouble.error.message)"))
    }
    for failure in fetched.failures { take(failure, nowMs: nowMs) }
  }

  private mutating func take(_ failure: FetchSession.Failure, nowMs: Int64) {
    let (partition, answer, offset) = (failure.cursor.id, failure.answer, failure.cursor.offset)
    let error = TailraceError(
      TailraceError.Code(failure.error.code), "\(partition): \(failure.error.message)", isRetriable: false)
    switch failure.error.code {
    case .offsetTruncated:
      guard let end = answer.truncatedTo else { break }
      outbox.append(
        .log(.info, "\(partition): the log fell back to offset \(end) after a crash; reading on from there"))
      return move(partition, to: .atMost(max(0, end)))
    case .offsetOutOfRange:
      guard settings.outOfRange != .fail else { break }
      return leaveRange(partition, offset, answer)
    case .unknownTopic, .unknownTopicID, .unknownPartition:
      // The topic was deleted; the group will learn of it.
      guard membership != nil else { break }
      return abandon([partition], nowMs: nowMs)
    default: break
    }
    outbox.append(.fail(partition, error))
  }

  private mutating func leaveRange(_ partition: TopicPartition, _ offset: Int64, _ answer: FetchedPartition) {
    let (start, end) = (answer.logStartOffset, answer.highWatermark)
    let place = "offset \(offset) is not there: the partition holds \(start) to \(end) (exclusive)"
    if settings.outOfRange == .startPosition, settings.start.query(partition, topicID: ByteBuffer()) != nil {
      outbox.append(.log(.info, "\(partition): \(place); reading on from the start position"))
      seeks.append(Seek(id: nextID(), partition: partition, to: settings.start, isAsked: false))
      return
    }
    let nearest = max(0, start, min(offset, end))
    outbox.append(.log(.info, "\(partition): \(place); reading on at \(nearest)"))
    if nearest > offset {
      // What was fetched lies before.
      moved(partition, to: nearest)
    } else {
      move(partition, to: .atMost(nearest))
    }
  }

  // MARK: Commits

  private mutating func take(_ response: CommitOffsetResponse, of commits: [OffsetCommit], nowMs: Int64) {
    guard response.results.count == commits.count else {
      return stop(TailraceError(.internalError, "the broker's answer does not tell of all offsets"), nowMs: nowMs)
    }
    for (commit, result) in zip(commits, response.results) {
      guard let error = result.error else {
        ledger.committed(commit)
        continue
      }
      let partition = TopicPartition(topic: commit.topic, partition: commit.partition)
      switch error.code {
      case .unknownMember, .fencedMember:
        return rejoin(error.message, nowMs: nowMs)
      case .notOwner, .unknownTopic, .unknownTopicID, .unknownPartition:
        failCommits(of: [partition], TailraceError(error))
        abandon([partition], nowMs: nowMs)
      default:
        if !TailraceError.Code(error.code).isRetriable { failCommits(of: [partition], TailraceError(error)) }
        backOff(.commit, nowMs: nowMs)
        outbox.append(.log(.info, "\(partition): cannot commit, trying again: \(error.message)"))
      }
    }
    answerCommits()
  }

  // MARK: Failures

  private mutating func fail(_ id: UInt64, _ call: ConsumerCall, _ error: RPCError, nowMs: Int64) {
    // Where it may have failed to arrive it is said again, else the group would wait for a member that is gone.
    if call.kind == .leave, !TailraceError.Code(error).isRetriable {
      membership?.left()
      return
    }
    // Nobody is in a group that is not there. What is too large to be described is joined unseen.
    if call.kind == .describe, [.unknownGroup, .limitReached].contains(error.error) {
      return goOn(in: DescribeGroupResponse(), nowMs: nowMs)
    }
    if [.unknownMember, .fencedMember, .unknownGroup].contains(error.error), membership != nil {
      return rejoin(error.message, nowMs: nowMs)
    }
    switch error.code {
    case .unavailable: loseConnection(nowMs: nowMs, id, call)
    case .deadlineExceeded, .resourceExhausted, .aborted:
      if call.kind == .heartbeat { membership?.doubt() }
      again(id, call, atMs: backOff(call.kind, nowMs: nowMs))
      outbox.append(.log(.info, "a call failed, trying again: \(error)"))
    default:
      switch call {
      case .lookUp: failSeek(id, TailraceError(error))
      case .commit(let request) where !commitRequests.isEmpty:
        let partitions = request.offsets.map { TopicPartition(topic: $0.topic, partition: $0.partition) }
        failCommits(of: Set(partitions), TailraceError(error))
        backOff(.commit, nowMs: nowMs)
      default: stop(TailraceError(error), nowMs: nowMs)
      }
    }
  }

  private mutating func again(_ id: UInt64, _ call: ConsumerCall, atMs: Int64) {
    if call.kind == .fetch { session.fail(id, retryAtMs: atMs) }
    for index in seeks.indices where seeks[index].call == id { seeks[index].call = nil }
  }

  /// What was asked over the connection is asked again over the next one.
  private mutating func loseConnection(nowMs: Int64, _ id: UInt64, _ call: ConsumerCall) {
    again(id, call, atMs: 0)
    for kind in ConsumerCall.Kind.allCases { cancel(kind) }
    for index in seeks.indices { seeks[index].call = nil }
    membership?.doubt()
    isConnected = false
    connectBackoff.fail(nowMs: nowMs, fraction: fraction(), boundMs: membership?.maxRetryMs ?? .max)
    connectAtMs = connectBackoff.retryAtMs
  }
}
