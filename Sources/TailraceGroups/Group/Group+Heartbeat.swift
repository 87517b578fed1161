package import TailraceWire

extension Group {
  /// The longest that a heartbeat may be parked, in milliseconds.
  private static let maxWaitMs: UInt32 = 60_000

  /// A member is alive, says what it reads, and learns what it shall read.
  ///
  /// Where there is no news and the request may wait, the reply is `.parked`: the answer comes later under `ticket`, which
  /// is unique among the group's. It comes with news, when the wait is over (a third of the session time-out at the
  /// latest), when the member is fenced, or when it sends another heartbeat. While something is to go that the member was
  /// told of, a heartbeat waits a heartbeat interval at most: the answer that told it may have been lost.
  package mutating func heartbeat(
    _ request: HeartbeatRequest, ticket: UInt64, now: Int64
  ) -> GroupOutcome<HeartbeatReply> {
    note(now)
    do throws(GroupError) {
      let reported = try check(request)
      let reply = try beat(request, reported, ticket)
      answerNews()
      return finish(.success(reply))
    } catch {
      return finish(.failure(error))
    }
  }

  /// Nobody waits for a parked heartbeat any more. Nothing happens if it was answered already.
  package mutating func abandon(ticket: UInt64, of memberID: String) {
    guard let id = MemberID(memberID), members[id]?.parked?.ticket == ticket else { return }
    members[id]?.parked = nil
  }

  private struct Reported {
    let member: MemberID
    let isCurrent: Bool
    let partitions: [PartitionID]
  }

  /// Whether the member may say what it says. Throws FENCED_MEMBER where it acts on an assignment that is not its own any
  /// more.
  private func check(_ request: HeartbeatRequest) throws(GroupError) -> Reported {
    guard request.maxWaitMs <= Self.maxWaitMs else {
      throw GroupError(.invalid, "max_wait_ms is \(request.maxWaitMs); at most \(Self.maxWaitMs) are allowed")
    }
    let member = try member(request.memberID)
    guard request.memberEpoch == member.epoch || request.memberEpoch == member.previousEpoch else {
      throw GroupError(
        .fencedMember,
        "member '\(member.id)' is in epoch \(member.epoch), the heartbeat in \(request.memberEpoch); stop reading and join"
          + " again")
    }
    let partitions = try partitions(of: request.owned)
    for partition in partitions where member.owned[partition] == nil {
      throw GroupError(
        .fencedMember,
        "member '\(member.id)' does not own partition \(partition.index) of '\(topics[partition.topic]?.name ?? "")', which"
          + " its heartbeat lists; stop reading and join again")
    }
    return Reported(member: member.id, isCurrent: request.memberEpoch == member.epoch, partitions: partitions)
  }

  /// What a heartbeat lists, without topics that are gone.
  private func partitions(of listed: [TopicPartitions]) throws(GroupError) -> [PartitionID] {
    var partitions: [PartitionID] = []
    for entry in listed {
      guard let topic = try topic(entry.topicID, name: entry.topic) else { continue }
      for index in entry.partitions { partitions.append(PartitionID(topic: topic.id, index: index)) }
    }
    return partitions
  }

  private mutating func beat(
    _ request: HeartbeatRequest, _ reported: Reported, _ ticket: UInt64
  ) throws(GroupError) -> HeartbeatReply {
    let id = reported.member
    answerParked(id)
    guard let index = members.index(forKey: id) else { return .answered(HeartbeatResponse()) }
    let timeout = Int64(members.values[index].sessionTimeoutMs)
    members.values[index].sessionDeadlineMs = time(clockMs, plus: timeout)
    // Of an earlier step: the last answer was lost, or the heartbeat is late. It gets that answer again, nothing new.
    guard reported.isCurrent else { return .answered(response(to: id)) }
    let letGo = confirm(reported)
    let given = give(to: id, isFresh: letGo == .all)
    let isNews = letGo != .nothing || given || members.values[index].isUntold
    guard !isNews, request.maxWaitMs > 0, !isDraining else { return .answered(response(to: id)) }
    park(id, ticket, request.maxWaitMs)
    return .parked
  }

  private enum LetGo {
    case nothing
    case some
    /// All that was to go: the member is in a new epoch.
    case all
  }

  /// Frees what was to go and is not listed any more.
  private mutating func confirm(_ reported: Reported) -> LetGo {
    guard let lettingGo = members[reported.member]?.lettingGo, !lettingGo.isEmpty else { return .nothing }
    let gone = lettingGo.subtracting(reported.partitions)
    guard !gone.isEmpty else { return .nothing }
    release(gone, of: reported.member)
    guard gone.count == lettingGo.count else { return .some }
    moveOn(reported.member)
    return .all
  }

  private mutating func park(_ id: MemberID, _ ticket: UInt64, _ maxWaitMs: UInt32) {
    guard let index = members.index(forKey: id) else { return }
    let member = members.values[index]
    var waitMs = min(maxWaitMs, member.sessionTimeoutMs / 3)
    if !member.lettingGo.isEmpty { waitMs = min(waitMs, heartbeatIntervalMs(of: member)) }
    members.values[index].parked = ParkedHeartbeat(ticket: ticket, deadlineMs: time(clockMs, plus: Int64(waitMs)))
    schedule(id)
  }
}
