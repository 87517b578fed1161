internal import TailraceWire

extension Group {
  /// To be called at `nextDeadlineMs`: members that sent no heartbeat within their session time-out, or did not let go
  /// within their rebalance time-out, are fenced; who shall own what is computed where that is due; parked heartbeats are
  /// answered; what an empty group stored for `offsetsRetentionMs` goes.
  package mutating func timePassed(now: Int64) -> GroupOutcome<Void> {
    note(now)
    let count = members.count
    while let entry = deadlines.pop(dueAt: clockMs) { look(at: entry) }
    if members.count < count {
      bumpEpoch()
      retarget()
    }
    if let targetDueMs, targetDueMs <= clockMs { computeTarget() }
    answerNews()
    if let expiryMs, expiryMs <= clockMs { forgetAll() }
    return finish(.success(()))
  }

  /// The broker stops: parked heartbeats are answered (SHUTTING_DOWN), and none is parked from here on.
  package mutating func drain() -> GroupOutcome<Void> {
    isDraining = true
    for id in order {
      guard let parked = members[id]?.parked else { continue }
      members[id]?.parked = nil
      let error = GroupError(.shuttingDown, "the broker is stopping; send the heartbeat again")
      changes.answers.append(ParkedAnswer(ticket: parked.ticket, result: .failure(error)))
    }
    return finish(.success(()))
  }

  private mutating func look(at entry: DeadlineQueue.Entry) {
    guard let member = members[entry.member], member.scheduledMs == entry.timeMs else { return }
    members[entry.member]?.scheduledMs = nil
    if member.sessionDeadlineMs <= clockMs {
      fence(member.id, "no heartbeat came within its session time-out of \(member.sessionTimeoutMs) ms")
    } else if let deadline = member.rebalanceDeadlineMs, deadline <= clockMs {
      fence(member.id, "it did not let partitions go within its rebalance time-out of \(member.rebalanceTimeoutMs) ms")
    } else {
      if let parked = member.parked, parked.deadlineMs <= clockMs { answerParked(member.id) }
      schedule(member.id)
    }
  }

  private mutating func fence(_ member: MemberID, _ why: String) {
    remove(member, GroupError(.fencedMember, "member '\(member)' is out of group '\(id)': \(why); join again"))
  }
}
