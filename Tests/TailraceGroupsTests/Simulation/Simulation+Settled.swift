@testable import TailraceGroups
import TailraceTestSupport
import TailraceWire

// What must hold once nothing has happened for a while.

extension Simulation {
  /// Once faults are over and topics and members stay as they are, a group is settled after this: members that are gone
  /// are timed out (a session time-out), so are those that do not let go (a rebalance time-out), the others hear of it
  /// with a heartbeat and let go, and those who wait get it with theirs. Late messages of before come in meanwhile.
  static let settlingMs: Int64 = longestDelayMs + 5_000 + 5_000 + 4 * 2_500

  /// A whole history: faults, then calm.
  func perform() throws {
    for _ in 0..<scale.steps {
      if random.below(7) == 0 { try disturb() } else { try step() }
      try check()
    }
    calmDown()
    try run(until: now + Self.settlingMs)
    try checkSettled()
    let epoch = group.epoch
    let held = processes.map(\.held)
    try run(until: now + 6_000)
    guard group.epoch == epoch, processes.map(\.held) == held else { throw SimulationFailure("it is not stable") }
    try checkSettled()
  }

  private func checkSettled() throws {
    let alive = processes.filter { $0.phase != .gone }
    guard group.members.count == alive.count else {
      throw SimulationFailure("\(alive.count) clients are alive, and \(group.members.count) members there")
    }
    var readers: [PartitionID: Int] = [:]
    for process in alive {
      guard process.phase == .joined, let member = MemberID(process.memberID).flatMap({ group.members[$0] }),
        process.held == member.target, Set(member.owned.keys) == member.target, process.epoch == member.epoch
      else { throw SimulationFailure("client \(process.number) has not settled: \(process)") }
      for partition in process.held {
        guard readers.updateValue(process.number, forKey: partition) == nil else {
          throw SimulationFailure("two read partition \(partition)")
        }
      }
    }
    try checkShares(alive, readers)
    guard group.summary.state == (alive.isEmpty ? .empty : .stable) else {
      throw SimulationFailure("the state is \(group.summary.state)")
    }
  }

  /// Each partition that somebody wants is read, and shares are even where all want the same.
  private func checkShares(_ alive: [SimulatedProcess], _ readers: [PartitionID: Int]) throws {
    // A late join of before may have been the last: what counts is what the group has heard.
    func isWanted(_ topic: TopicCatalog.Topic, by process: SimulatedProcess) -> Bool {
      guard let member = MemberID(process.memberID).flatMap({ group.members[$0] }) else { return false }
      return switch group.subscriptions[member.subscription] {
      case .names(let names): names.contains(topic.name)
      case .pattern(let pattern): topic.name.hasPrefix(pattern)
      case nil: false
      }
    }
    let wanted = topics.filter { topic in alive.contains { isWanted(topic, by: $0) } }
    let expected = wanted.reduce(0) { $0 + Int($1.partitionCount) }
    guard readers.count == expected else {
      throw SimulationFailure("\(readers.count) of \(expected) partitions are read")
    }
    let isEqual = topics.allSatisfy { topic in Set(alive.map { isWanted(topic, by: $0) }).count <= 1 }
    let shares = alive.map(\.held.count)
    if isEqual, let least = shares.min(), let most = shares.max(), most - least > 1 {
      throw SimulationFailure("shares are \(shares)")
    }
  }
}
