internal import TailraceWire

/// What one event has changed so far: becomes its outcome.
struct Changes: Sendable {
  /// Whether the group's own record is to be written.
  var group = false
  /// Members that are out.
  var removed: [MemberID] = []
  /// Members whose assignment changed, those that lost something before those that got it.
  var assigned: [MemberID] = []
  /// Members that are new or have new terms.
  var joined: [MemberID] = []
  /// Offsets stored or forgotten.
  var offsets: [GroupLogRecord] = []
  var answers: [ParkedAnswer] = []
  /// Members for which there may be news.
  var touched: [MemberID] = []
}

extension Group {
  /// Ends an event: what was changed becomes records.
  ///
  /// The order makes any first part of the records safe to replay: the group's epoch first; what is taken away before
  /// what is given; a member's terms go first and come last, so that one that is half there counts as not there.
  mutating func finish<Reply>(_ reply: Result<Reply, GroupError>) -> GroupOutcome<Reply> {
    var records: [GroupLogRecord] = []
    if changes.group { records.append(GroupLogRecord(.group(id), .group(groupRecord))) }
    for member in changes.removed {
      records.append(GroupLogRecord(.member(id, member), nil))
      records.append(GroupLogRecord(.assignment(id, member), nil))
    }
    for member in changes.assigned { appendAssignment(of: member, to: &records) }
    for member in changes.joined { appendTerms(of: member, to: &records) }
    records += changes.offsets
    let outcome = GroupOutcome(
      reply: reply, records: records, answers: changes.answers, nextDeadlineMs: nextDeadlineMs)
    changes = Changes()
    return outcome
  }

  private mutating func appendAssignment(of member: MemberID, to records: inout [GroupLogRecord]) {
    guard let record = members[member]?.assignmentRecord else { return }
    members[member]?.isChanged = false
    records.append(GroupLogRecord(.assignment(id, member), .assignment(record)))
  }

  private func appendTerms(of member: MemberID, to records: inout [GroupLogRecord]) {
    guard let record = memberRecord(of: member) else { return }
    records.append(GroupLogRecord(.member(id, member), .member(record)))
  }

  /// Notes that a member's assignment is to be persisted and encoded anew.
  mutating func noteChange(of member: MemberID) {
    guard let index = members.index(forKey: member) else { return }
    members.values[index].assignment = nil
    guard !members.values[index].isChanged else { return }
    members.values[index].isChanged = true
    changes.assigned.append(member)
  }

  /// The group's next epoch. At the end of the numbers it stays: then nobody may join any more.
  mutating func bumpEpoch() {
    if epoch < .max { epoch += 1 }
    changes.group = true
  }

  /// Takes in the time of an event.
  mutating func note(_ now: Int64) { clockMs = max(clockMs, now) }

  private var nextDeadlineMs: Int64? {
    let earliest = min(deadlines.earliestMs ?? .max, min(targetDueMs ?? .max, expiryMs ?? .max))
    return earliest < .max ? earliest : nil
  }
}

/// A time after another, at most the end of time.
func time(_ start: Int64, plus milliseconds: Int64) -> Int64 {
  let (sum, overflow) = start.addingReportingOverflow(milliseconds)
  return overflow ? .max : sum
}
