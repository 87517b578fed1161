@testable import TailraceGroups
import TailraceTestSupport
import TailraceWire

/// What the checks remember from one step to the next.
struct SimulationChecks {
  /// Of members that are out: the group's epoch when they were taken out.
  var outSince: [MemberID: UInt32] = [:]
  private var epochs: [MemberID: UInt32] = [:]
  private var groupEpoch: UInt32 = 0
  /// The highest epoch that went out to each member. No crash takes that back.
  private var toldEpochs: [String: UInt32] = [:]
  /// What is stored: of each partition what was accepted last.
  private var offsets: [PartitionID: Int64] = [:]
  /// How often the group was deleted or has expired.
  private(set) var generation = 0
  private var existed = false

  /// An answer went out: a member's epochs only grow, and who joins is in one that it has not been told before.
  mutating func told(_ delivery: Simulation.Delivery) throws {
    guard delivery.generation == generation else { return }
    switch delivery.response {
    case .join(.success(let joined)):
      try told(joined.memberEpoch, to: joined.memberID, isAbove: toldEpochs[joined.memberID] ?? 0)
    case .heartbeat(.success(let beat)):
      try told(beat.memberEpoch, to: delivery.member, isAbove: (toldEpochs[delivery.member] ?? 1) - 1)
    default: break
    }
  }

  private mutating func told(_ epoch: UInt32, to member: String, isAbove floor: UInt32) throws {
    guard epoch > floor else { throw SimulationFailure("\(member) is told epoch \(epoch), not above \(floor)") }
    toldEpochs[member] = epoch
  }

  mutating func reset(
    _ new: [(partition: PartitionID, offset: Int64)], _ reply: Result<Void, GroupError>, _ simulation: Simulation
  ) throws {
    guard case .success = reply else { return }
    simulation.counters.resets += 1
    guard simulation.group.members.isEmpty else { throw SimulationFailure("offsets of live members were reset") }
    for (partition, offset) in new { offsets[partition] = offset }
  }

  mutating func topicsChanged(_ topics: TopicCatalog) { offsets = offsets.filter { topics[$0.key.topic] != nil } }

  /// A commit was answered: a member that is out may not have stored anything.
  mutating func committed(
    _ commit: CommitOffsetRequest, _ reply: Result<CommitOffsetResponse, GroupError>, _ simulation: Simulation
  ) throws {
    guard case .success(let response) = reply else {
      simulation.counters.refusedCommits += 1
      return
    }
    for (offset, result) in zip(commit.offsets, response.results) where result.error == nil {
      guard let topic = TopicID(offset.topicID) else { throw SimulationFailure("a commit without a topic") }
      let partition = PartitionID(topic: topic, index: offset.partition)
      offsets[partition] = offset.offset
      guard let id = MemberID(commit.memberID) else {
        simulation.counters.memberlessCommits += 1
        guard simulation.group.members.isEmpty else { throw SimulationFailure("nobody committed for live members") }
        continue
      }
      simulation.counters.commits += 1
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

  /// What was not durable never was: epochs that nobody was told may be lower, and who was out may be in.
  mutating func crashed(_ simulation: Simulation) throws {
    simulation.counters.crashes += 1
    let group = simulation.group
    guard group.epoch >= toldEpochs.values.max() ?? 0, group.exists || toldEpochs.isEmpty else {
      throw SimulationFailure("the group fell to epoch \(group.epoch), members were told of later ones")
    }
    for (id, member) in group.members where member.epoch < toldEpochs[id.text] ?? 0 {
      throw SimulationFailure("\(id) fell to epoch \(member.epoch), and was told \(toldEpochs[id.text] ?? 0)")
    }
    offsets = try simulation.log.offsets().filter { group.topics[$0.key.topic] != nil }
    groupEpoch = 0
    epochs = [:]
    // Epochs that come are above the durable one, also for who was in and out of what is lost.
    outSince = outSince.filter { !simulation.group.order.contains($0.key) }
      .mapValues { min($0, simulation.group.epoch) }
  }

  /// The next group of this name has nothing to do with the one before.
  private mutating func forget() {
    generation += 1
    outSince = [:]
    epochs = [:]
    groupEpoch = 0
    toldEpochs = [:]
    offsets = [:]
  }

  mutating func check(_ simulation: Simulation) throws {
    let group = simulation.group
    if existed, !group.exists {
      forget()
      simulation.groupIsGone()
    }
    existed = group.exists
    guard group.epoch >= groupEpoch else { throw SimulationFailure("the group's epoch fell from \(groupEpoch)") }
    for (id, epoch) in epochs {
      guard let member = group.members[id] else {
        outSince[id] = groupEpoch
        continue
      }
      guard member.epoch >= epoch else { throw SimulationFailure("\(id) fell from epoch \(epoch) to \(member.epoch)") }
    }
    guard group.offsets.count == offsets.count, group.offsets.allSatisfy({ offsets[$0] == $1.offset }) else {
      throw SimulationFailure("the offsets are not those that were accepted")
    }
    groupEpoch = group.epoch
    epochs = group.members.mapValues(\.epoch)
  }
}
