@testable import TailraceGroups
import TailraceTestSupport
import TailraceWire

// What happens to a group from outside.

extension Simulation {
  /// One random thing happens.
  func disturb() throws {
    let alive = processes.filter { $0.phase != .gone }
    let chosen = alive.isEmpty ? nil : alive[random.below(alive.count)].number
    switch random.below(100) {
    case 0..<18: if alive.count < scale.processes { start(instance: newInstance) }
    case 18..<20: try forgetGroup()
    case 20..<22: try resetOffsets()
    case 22..<24: try commitWithoutMember()
    case 24..<30: comeBack()
    case 30..<38: if let chosen { kill(chosen) }
    case 38..<46: if let chosen { try leave(chosen) }
    case 46..<56:
      if let chosen {
        note("pause \(chosen)")
        processes[chosen].pausedUntilMs = now + Int64(random.below(8_000))
      }
    case 56..<62: try crash()
    case 62..<66: log.compact(droppingTombstones: random.below(2) == 0)
    case 66..<74: try changeTopics()
    case 74..<80: if let chosen { resubscribe(chosen) }
    default: if let chosen { commit(chosen, processes[chosen].held) }
    }
  }

  var newInstance: String? { random.below(3) == 0 ? "instance-\(processes.count)" : nil }

  /// A static member's process is started once more, whether the old one is gone or not.
  private func comeBack() {
    let known = processes.compactMap(\.instanceID)
    guard !known.isEmpty else { return }
    let instance = known[random.below(known.count)]
    note("\(instance) comes back")
    counters.takeOvers += 1
    start(instance: instance)
  }

  /// It is gone without a word.
  private func kill(_ number: Int) {
    note("kill \(number)")
    processes[number].reset()
    processes[number].phase = .gone
  }

  private func leave(_ number: Int) throws {
    note("leave \(number)")
    let process = processes[number]
    commit(number, process.held)
    processes[number].reset()
    processes[number].phase = .gone
    let instance = random.below(2) == 0 ? process.instanceID : nil
    send(.leave(LeaveGroupRequest(group: "group", memberID: process.memberID, instanceID: instance)), from: number)
  }

  /// A live member wants other topics, and reads on meanwhile.
  private func resubscribe(_ number: Int) {
    guard processes[number].phase == .joined, !topics.isEmpty else { return }
    note("resubscribe \(number)")
    processes[number].pattern = nil
    processes[number].topics = topics.shuffled(using: &random).prefix(1 + random.below(topics.count)).map(\.name)
    processes[number].awaited = send(.join(processes[number].joinRequest), from: number)
    processes[number].awaitedUntilMs = now + 1_000
    // It asks again until it has been heard.
    processes[number].phase = .joining
  }

  private var somePartitions: [PartitionID] {
    topics.flatMap { topic in (0..<topic.partitionCount).map { PartitionID(topic: topic.id, index: $0) } }
      .filter { _ in random.below(4) == 0 }
  }

  private func commitWithoutMember() throws {
    let partitions = somePartitions
    guard !partitions.isEmpty else { return }
    note("commit without a member")
    let request = CommitOffsetRequest(group: "group", offsets: newOffsets(partitions))
    let outcome = group.commit(request, now: now)
    try checks.committed(request, outcome.reply, self)
    try accept(outcome) { _ in nil }
  }

  private func resetOffsets() throws {
    note("reset")
    let offsets = somePartitions.map { partition in
      lastOffset += 1
      return (partition: partition, offset: lastOffset)
    }
    let outcome = group.reset(offsets, now: now)
    try checks.reset(offsets, outcome.reply, self)
    try accept(outcome) { _ in nil }
  }

  private func forgetGroup() throws {
    note("delete")
    let isEmpty = group.members.isEmpty
    let outcome = group.delete(now: now)
    if case .success = outcome.reply, !isEmpty { throw SimulationFailure("a group with members was deleted") }
    try accept(outcome) { _ in nil }
  }

  /// The group was deleted, or has expired. The epochs of the one that comes next begin anew, so nobody may be left who
  /// knows those of before.
  func groupIsGone() {
    note("the group is gone")
    counters.deletions += 1
    dropMessages()
    for number in processes.indices { processes[number].reset() }
  }

  private func changeTopics() throws {
    switch random.below(4) {
    case 0 where !topics.isEmpty:
      let gone = topics.remove(at: random.below(topics.count))
      note("delete \(gone.name)")
      for number in processes.indices {
        processes[number].held = processes[number].held.filter { $0.topic != gone.id }
        processes[number].toLetGo = processes[number].toLetGo.filter { $0.topic != gone.id }
      }
    case 1 where !topics.isEmpty:
      let place = random.below(topics.count)
      let old = topics[place]
      note("grow \(old.name)")
      topics[place] = TopicCatalog.Topic(
        id: old.id, name: old.name, partitionCount: old.partitionCount + UInt32(1 + random.below(4)))
    default:
      guard topics.count < scale.topics + 2 else { return }
      addTopic()
      note("add \(topics.last?.name ?? "")")
    }
    try accept(group.topicsChanged(catalog, now: now)) { _ in nil }
    checks.topicsChanged(catalog)
  }

  /// Faults end: everybody alive does what it should from here on, but for those that never let go.
  func calmDown() {
    note("calm")
    isCalm = true
    if random.below(2) == 0 { start() }
    for number in processes.indices {
      processes[number].pausedUntilMs = 0
      if processes[number].letGoMs != nil {
        processes[number].letGoMs = 0
        processes[number].letGoAtMs = min(processes[number].letGoAtMs, now)
      }
      if let instance = processes[number].instanceID,
        processes.contains(where: { $0.number > number && $0.instanceID == instance && $0.phase != .gone })
      {
        processes[number].reset()
        processes[number].phase = .gone
      }
      wake(number, in: 0)
    }
  }
}
