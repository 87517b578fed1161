import TailraceClient
import TailraceWire

extension GroupConsumer {
  /// Takes the answer to a call; that of one that nobody waits for any more counts for nothing.
  mutating func take(_ call: UInt64, _ result: Result<GroupAnswer, RPCError>, nowMs: Int64) {
    guard let kind = inFlight.first(where: { $0.value == call })?.key else { return }
    inFlight[kind] = nil
    switch result {
    case .success(let answer): take(answer, nowMs: nowMs)
    case .failure(let error): fail(kind, error, nowMs: nowMs)
    }
  }

  /// A piece is written, or `failure` says why it is not.
  mutating func written(_ failure: CommandFailure?) {
    guard let positions = writing else { return }
    writing = nil
    if let failure { return stop(failure) }
    for (partition, position) in positions { ledger.wrote(partition, position) }
    if queue.left == 0 { stop(nil) }
  }

  private mutating func take(_ answer: GroupAnswer, nowMs: Int64) {
    switch answer {
    case .connected: isConnected = true
    case .joined(let response):
      membership.joined(response)
      recover()
      reconcile(nowMs: nowMs)
    case .heard(let response):
      membership.heard(response)
      joinBackoff.succeed()
      recover()
      reconcile(nowMs: nowMs)
    case .positioned(let points): begin(points, nowMs: nowMs)
    case .fetched(let response): take(response, nowMs: nowMs)
    case .committed(let response): take(response, nowMs: nowMs)
    case .described(let response):
      describeAtMs = nowMs + Self.describePollMs
      if !membership.isMember {
        goOn(in: response)
      } else if response.group?.state == .stable && isAtEnd {
        stop(nil)
      }
    case .left: membership.left()
    }
  }

  /// A static member has looked at the group of which it is no member any more.
  private mutating func goOn(in group: DescribeGroupResponse) {
    guard let why = unlookedEnd else { return }
    recover()
    unlookedEnd = nil
    if let successor = membership.successor(in: group) {
      stop(.replaced(by: successor, in: settings.membership.group))
    } else {
      sayRejoining(why)
    }
  }

  /// From one look at whether the group is settled to the next.
  private static let describePollMs: Int64 = 250

  private mutating func recover() {
    connectBackoff.succeed()
    if said.remove(Self.outage) != nil { outbox.append(.say("connected again")) }
  }

  private mutating func take(_ response: FetchResponse, nowMs: Int64) {
    do throws(CommandFailure) {
      let fetched = try session.take(response)
      queue.add(fetched.batches)
      for failure in fetched.failures { try take(failure, nowMs: nowMs) }
    } catch {
      stop(error)
    }
  }

  /// Where the group's offset is not there any more, it goes on at the nearest that is: a group whose partition is
  /// read by nobody would be worse.
  private mutating func take(_ failure: FetchFailure, nowMs: Int64) throws(CommandFailure) {
    switch failure.code {
    case .offsetOutOfRange, .offsetTruncated:
      guard let next = failure.nextOffset else { throw failure.failure }
      session.move(failure.partition, to: next)
      if next < failure.wantedOffset { goBack(failure.partition, to: next) }
      outbox.append(.say("\(failure.failure); going on at offset \(next)"))
    case .unknownTopic, .unknownTopicID, .unknownPartition:
      // The topic was deleted; the group will learn of it.
      abandon([failure.partition], nowMs: nowMs)
    default: throw failure.failure
    }
  }

  private mutating func take(_ response: CommitOffsetResponse, nowMs: Int64) {
    guard response.results.count == commitsInFlight.count else {
      return stop(CommandFailure(RPCError(.internalError, "the broker's answer does not tell of all offsets")))
    }
    var hasFailed = false
    for (commit, result) in zip(commitsInFlight, response.results) {
      guard let error = result.error else {
        ledger.committed(commit)
        continue
      }
      let partition = TopicPartition(topic: commit.topic, partition: commit.partition)
      switch error.code {
      case .unknownMember, .fencedMember:
        return fail(.commit, RPCError(.failedPrecondition, error.message, error: error.code), nowMs: nowMs)
      case .notOwner, .unknownTopic, .unknownTopicID, .unknownPartition: abandon([partition], nowMs: nowMs)
      default:
        hasFailed = true
        sayOnce(Self.commitTrouble, "\(partition.words): cannot commit: \(error.message); trying again")
      }
    }
    commitRetryAtMs = hasFailed ? commitAtMs : 0
    if !hasFailed { said.remove(Self.commitTrouble) }
  }

  private static let commitTrouble = "commit"

  private mutating func fail(_ kind: GroupCall.Kind, _ error: RPCError, nowMs: Int64) {
    switch (kind, error.error, error.code) {
    case (.leave, _, _): membership.left()
    // Nobody is in a group that is not there. What is too large to be described is joined unseen.
    case (.describe, .unknownGroup, _) where !membership.isMember,
      (.describe, .limitReached, _) where !membership.isMember:
      goOn(in: DescribeGroupResponse())
    case (_, .unknownMember, _), (_, .fencedMember, _), (_, .unknownGroup, _):
      recover()
      rejoin(error.line, nowMs: nowMs)
    case (_, _, .cancelled): break
    // What fails at the very first is a mistake of who started it rather than a trouble that passes.
    case (_, _, .unavailable), (_, _, .deadlineExceeded), (_, _, .resourceExhausted):
      if membership.hasJoined { loseConnection(error, nowMs: nowMs) } else { stop(CommandFailure(error)) }
    default: stop(CommandFailure(error))
    }
  }
}

extension CommandFailure {
  /// A static member's place has another process.
  fileprivate static func replaced(by successor: MemberDescription, in group: String) -> CommandFailure {
    CommandFailure(
      RPCError(
        .failedPrecondition,
        "replaced in group '\(group)' by another process with the same instance id, '\(successor.instanceID ?? "")':"
          + " \(successor.clientID) at \(successor.peer); if both are to run, give each an instance id of its own",
        error: .fencedMember))
  }
}
