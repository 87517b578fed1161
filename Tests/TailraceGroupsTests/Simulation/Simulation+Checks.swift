@testable import TailraceGroups
import TailraceTestSupport
import TailraceWire

// What must hold after every step.

extension Simulation {
  func check() throws {
    counters.steps += 1
    try checkBeliefs()
    guard isUnchecked else { return }
    isUnchecked = false
    try checks.check(self)
    try checkStructure()
    // In calm there is less to find.
    let rare = isCalm ? 8 : 1
    if random.below(4 * rare) == 0 {
      try checkRecords()
      try require(group.targetDueMs != nil || !group.isTargetStale, "targets are not up to date")
    }
    if random.below(8 * rare) == 0 { try checkCommits() }
    if random.below(8 * rare) == 0 { try checkReplay() }
  }

  private func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw SimulationFailure(message()) }
  }

  private func checkStructure() throws {
    counters.mostMembers = max(counters.mostMembers, group.members.count)
    counters.mostPartitions = max(counters.mostPartitions, group.target.count)
    var owned = 0
    var targeted = 0
    for (id, member) in group.members {
      owned += member.owned.count
      targeted += member.target.count
      try require(member.owned.keys.allSatisfy { group.owners[$0] == id }, "\(id) owns what is not its own")
      try require(member.target.allSatisfy { group.target[$0] == id }, "\(id) has a target that is not its own")
      try require(member.lettingGo.allSatisfy { member.owned[$0] != nil }, "\(id) lets go of what it does not own")
      try require(
        member.owned.keys.allSatisfy { member.target.contains($0) || member.lettingGo.contains($0) },
        "\(id) keeps what it shall not own")
      try require(member.owned.values.allSatisfy { $0 <= member.epoch }, "\(id) got something in an epoch to come")
      try require(member.epoch <= group.epoch && member.previousEpoch ?? 0 < member.epoch, "epochs of \(id)")
      try require(
        member.scheduledMs ?? .max <= member.nextDeadlineMs && member.scheduledMs ?? .max >= deadline ?? .max,
        "nobody looks after \(id) at \(member.nextDeadlineMs)")
      try require(
        member.parked == nil
          || !member.isUntold && !(member.isWaiting && member.target.contains { group.owners[$0] == nil }),
        "\(id) is not told the news")
    }
    try require(owned == group.owners.count, "a partition has an owner who does not know")
    try require(targeted == group.target.count, "targets do not fit")
    if let due = group.targetDueMs {
      counters.delayedTargets += 1
      try require(
        due >= deadline ?? .max && due - now <= group.limits.assignmentIntervalMs, "nobody computes the target")
    }
    try require(Set(group.order) == Set(group.members.keys), "the order is not that of the members")
  }

  /// Whoever is not fenced, as the coordinator sees it, reads only what is its own: so nothing is given on too early, and
  /// no two read the same.
  private func checkBeliefs() throws {
    for process in processes where process.phase != .gone && !process.held.isEmpty {
      guard let id = MemberID(process.memberID), let member = group.members[id],
        (member.joinedEpoch...member.epoch).contains(process.epoch)
      else { continue }
      // Of a topic that is gone there is nothing to read.
      for partition in process.held where group.topics[partition.topic] != nil {
        try require(
          group.owners[partition] == id,
          "\(id) reads \(partition.index), which is \(group.owners[partition]?.text ?? "nobody")'s")
      }
    }
  }

  /// Of all clients at most one could commit for a partition.
  private func checkCommits() throws {
    let all = topics.flatMap { topic in
      (0..<topic.partitionCount).map { OffsetCommit(topicID: topic.id.bytes, partition: $0, offset: 1) }
    }
    guard !all.isEmpty else { return }
    var committers = [MemberID?](repeating: nil, count: all.count)
    for process in processes where process.life > 0 || process.phase != .joining {
      var probe = group
      let request = CommitOffsetRequest(
        group: "group", memberID: process.memberID, memberEpoch: process.epoch, offsets: all)
      guard !process.memberID.isEmpty, case .success(let response) = probe.commit(request, now: now).reply else {
        continue
      }
      for (place, result) in response.results.enumerated() where result.error == nil {
        let id = MemberID(process.memberID)
        try require(committers[place] == nil || committers[place] == id, "two could commit")
        committers[place] = id
      }
    }
  }

  /// What was persisted says what there is in memory.
  private func checkRecords() throws {
    let records = group.allRecords
    try require(records.count == log.latest.count, "\(records.count) records should be there, \(log.latest.count) are")
    for record in records {
      try require(log.latest[record.key] == record.value, "the record '\(record.key.text)' is not up to date")
    }
  }

  /// A replay gives the same state, with its target where that is due, and else has nothing to mend; also of the compacted
  /// log, in any order of keys.
  private func checkReplay() throws {
    counters.replays += 1
    let isDue = group.targetDueMs != nil
    var group = group
    if isDue { group.computeTarget() }
    for form in [SimulatedLog<Delivery>.Form.all, .shuffled] {
      var copy = Group(group.id, topics: catalog, limits: group.limits)
      try log.replay(form, into: &copy, using: &random)
      let outcome = copy.replayed(now: now)
      try require(isDue || outcome.records.isEmpty, "a replay mends what is whole: \(outcome.records)")
      // With its target the group has a new epoch, perhaps.
      func records(_ group: Group) -> Set<GroupLogRecord> {
        Set(group.allRecords.filter { !isDue || $0.key != .group(group.id) })
      }
      try require(records(copy) == records(group), "a replay gives another state")
      try require(copy.owners == group.owners && copy.target == group.target, "a replay gives other owners")
      try require(copy.order == group.order && copy.instances == group.instances, "a replay gives other members")
    }
  }
}
