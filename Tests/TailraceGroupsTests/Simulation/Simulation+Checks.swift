@testable import TailraceGroups
import TailraceTestSupport
import TailraceWire

// What must hold after every step.

/// What the checks remember from one step to the next.
struct SimulationChecks {
  /// Of members that are out: the group's epoch when they were taken out.
  var outSince: [MemberID: UInt32] = [:]
  private var epochs: [MemberID: UInt32] = [:]
  private var groupEpoch: UInt32 = 0

  /// A commit was answered: a member that is out may not have stored anything.
  mutating func committed(
    _ commit: CommitOffsetRequest, _ reply: Result<CommitOffsetResponse, GroupError>, _ simulation: Simulation
  ) throws {
    guard case .success(let response) = reply, let id = MemberID(commit.memberID) else {
      simulation.counters.refusedCommits += 1
      return
    }
    for (offset, result) in zip(commit.offsets, response.results) where result.error == nil {
      simulation.counters.commits += 1
      guard let topic = TopicID(offset.topicID) else { throw SimulationFailure("a commit without a topic") }
      let partition = PartitionID(topic: topic, index: offset.partition)
      if let out = outSince[id], commit.memberEpoch <= out {
        throw SimulationFailure("\(id), out since epoch \(out), committed in \(commit.memberEpoch)")
      }
      guard simulation.group.members[id]?.owned[partition] ?? .max <= commit.memberEpoch else {
        throw SimulationFailure("\(id) committed in epoch \(commit.memberEpoch) for what it got later")
      }
      guard simulation.group.owners[partition] == id else {
        throw SimulationFailure(
          "\(id) committed for \(partition.index) of \(simulation.group.owners[partition]?.text ?? "-")")
      }
    }
  }

  /// What was not durable never was: epochs may be lower, and who was out may be in.
  mutating func crashed(_ simulation: Simulation) {
    simulation.counters.crashes += 1
    groupEpoch = 0
    epochs = [:]
    // Epochs that come are above the durable one, also for who was in and out of what is lost.
    outSince = outSince.filter { !simulation.group.order.contains($0.key) }
      .mapValues { min($0, simulation.group.epoch) }
  }

  mutating func check(_ simulation: Simulation) throws {
    let group = simulation.group
    guard group.epoch >= groupEpoch else { throw SimulationFailure("the group's epoch fell from \(groupEpoch)") }
    for (id, epoch) in epochs {
      guard let member = group.members[id] else {
        outSince[id] = groupEpoch
        continue
      }
      guard member.epoch >= epoch else { throw SimulationFailure("\(id) fell from epoch \(epoch) to \(member.epoch)") }
    }
    groupEpoch = group.epoch
    epochs = group.members.mapValues(\.epoch)
  }
}

extension Simulation {
  func check() throws {
    counters.steps += 1
    try checks.check(self)
    // In calm there is less to find.
    let rare = isCalm ? 8 : 1
    guard random.below(rare) < 2 else { return }
    try checkBeliefs()
    try checkStructure()
    if random.below(8 * rare) == 0 {
      try checkRecords()
      try require(!group.isTargetStale, "targets are not up to date")
    }
    if random.below(20 * rare) == 0 { try checkCommits() }
    if random.below(20 * rare) == 0 { try checkReplay() }
  }

  private func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw SimulationFailure(message()) }
  }

  private func checkStructure() throws {
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

  /// A replay gives the same state, and has nothing to mend; also of the compacted log, in any order of keys.
  private func checkReplay() throws {
    counters.replays += 1
    for form in [SimulatedLog<Delivery>.Form.all, .shuffled] {
      var copy = Group(group.id, topics: catalog, limits: group.limits)
      try log.replay(form, into: &copy, using: &random)
      let outcome = copy.replayed(now: now)
      try require(outcome.records.isEmpty, "a replay mends what is whole: \(outcome.records)")
      try require(Set(copy.allRecords) == Set(group.allRecords), "a replay gives another state")
      try require(copy.owners == group.owners && copy.target == group.target, "a replay gives other owners")
      try require(copy.order == group.order && copy.instances == group.instances, "a replay gives other members")
    }
  }
}
