@testable import TailraceGroups
import TailraceTestSupport
import TailraceWire

// What must hold once nothing has happened for a while.

extension Simulation {
  /// Once faults are over and topics and members stay as they are, a group is settled after this: members that are gone
  /// are timed out (a session time-out), so are those that do not let go (a rebalance time-out), the others hear of it
  /// with a heartbeat and let go, and those who wait get it with theirs. Late messages of before come in meanwhile.
  static let settlingMs: Int64 = longestDelayMs + 5_000 + handOverMs
  /// The same, where all that are in the group are alive and no message is late.
  static let handOverMs: Int64 = 2 * longestIntervalMs + 5_000 + 4 * 2_500

  /// A whole history: faults, then calm.
  func perform() throws {
    for _ in 0..<scale.crowd { start(instance: newInstance) }
    for _ in 0..<scale.steps {
      if random.below(7) == 0 { try disturb() } else { try step() }
      try check()
    }
    calmDown()
    settlesAtMs = now + Self.settlingMs
    while now < settlesAtMs { try run(until: settlesAtMs) }
    try checkSettled()
    let epoch = group.epoch
    let held = processes.map(\.held)
    try run(until: now + 6_000)
    guard !group.exists || group.epoch == epoch, processes.map(\.held) == held else {
      throw SimulationFailure("it is not stable")
    }
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

  /// Each partition that somebody wants is read, and shares are as even as the assignor promises.
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
    switch group.assignor {
    case .range: try checkRanges(alive, wanted, isWanted)
    case .roundRobin: try checkEqualShares(alive, isWanted)
    default: try checkLevels(alive, wanted, isWanted)
    }
  }

  private typealias Wants = (TopicCatalog.Topic, SimulatedProcess) -> Bool

  /// Of each topic, those who want it read as many partitions as the others, or one more.
  private func checkRanges(_ alive: [SimulatedProcess], _ wanted: [TopicCatalog.Topic], _ isWanted: Wants) throws {
    for topic in wanted {
      let shares = alive.filter { isWanted(topic, $0) }.map { $0.held.count { $0.topic == topic.id } }
      guard let least = shares.min(), let most = shares.max(), most - least <= 1 else {
        throw SimulationFailure("shares of \(topic.name) are \(shares)")
      }
    }
  }

  /// Nobody reads two partitions more than another one who wants one of them, too.
  private func checkLevels(_ alive: [SimulatedProcess], _ wanted: [TopicCatalog.Topic], _ isWanted: Wants) throws {
    for topic in wanted {
      let readers = alive.filter { $0.held.contains { $0.topic == topic.id } }
      guard let most = readers.map(\.held.count).max() else { continue }
      let least = alive.filter { isWanted(topic, $0) }.map(\.held.count).min() ?? most
      guard most - least <= 1 else {
        throw SimulationFailure("a reader of \(topic.name) has \(most), one who wants it \(least)")
      }
    }
  }

  private func checkEqualShares(_ alive: [SimulatedProcess], _ isWanted: Wants) throws {
    let isEqual = topics.allSatisfy { topic in Set(alive.map { isWanted(topic, $0) }).count <= 1 }
    let shares = alive.map(\.held.count)
    if isEqual, let least = shares.min(), let most = shares.max(), most - least > 1 {
      throw SimulationFailure("shares are \(shares)")
    }
  }
}
