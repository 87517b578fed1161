import TailraceGroups
import TailraceTestSupport
import TailraceWire
import Testing

/// That sticky assignments are as balanced as can be, and that none so balanced moves less.
@Suite struct StickyOptimumTests {
  /// First how uneven an assignment is, by the sum of the squares of sizes, then how many partitions do not stay where they
  /// are. Partitions that nobody reads so far, or somebody who may not, count always.
  private struct Cost: Comparable {
    var squares = 0
    var moves = 0

    static func < (first: Cost, second: Cost) -> Bool {
      (first.squares, first.moves) < (second.squares, second.moves)
    }
  }

  private func cost(_ lists: [MemberID: [PartitionID]], _ problem: AssignmentProblem) -> Cost {
    lists.reduce(into: Cost()) { cost, list in
      cost.squares += list.value.count * list.value.count
      cost.moves += list.value.count { problem.current[$0] != list.key }
    }
  }

  /// The least cost of all assignments there are: each is tried.
  private func leastCost(_ problem: AssignmentProblem) -> Cost {
    let choices = problem.topics.indices.flatMap { topic in
      let readers = problem.members.indices.filter { problem.members[$0].topics.contains(topic) }
      return (0..<problem.topics[topic].partitionCount).map { index in
        let current = problem.current[PartitionID(topic: problem.topics[topic].id, index: index)]
        return readers.map { (reader: $0, moves: problem.members[$0].id == current ? 0 : 1) }
      }
    }
    var loads = problem.members.map { _ in 0 }
    var least = Cost(squares: .max, moves: .max)
    func tryAll(_ place: Int, _ moves: Int) {
      guard place < choices.count else {
        return least = min(least, Cost(squares: loads.reduce(0) { $0 + $1 * $1 }, moves: moves))
      }
      for choice in choices[place] {
        loads[choice.reader] += 1
        tryAll(place + 1, moves + choice.moves)
        loads[choice.reader] -= 1
      }
    }
    tryAll(0, 0)
    return least
  }

  @Test(arguments: [true, false])
  func `of all assignments of a small group none is better`(_ hasEqualSubscriptions: Bool) throws {
    var generator = SeededGenerator(for: "StickyOptimumTests, small")
    for round in 0..<(isLongRun ? 20_000 : 600) {
      let problem = try AssignmentProblem(
        maxMembers: 4, maxTopics: 4, maxPartitions: 6, hasEqualSubscriptions: hasEqualSubscriptions, &generator)
      try #require(
        cost(Assignor.sticky.assign(problem), problem) == leastCost(problem),
        "seed \(generator.seed), round \(round): \(problem)")
    }
  }

  @Test(arguments: [true, false])
  func `in a large group no round of moves makes an assignment better`(_ hasEqualSubscriptions: Bool) throws {
    var generator = SeededGenerator(for: "StickyOptimumTests, large")
    for round in 0..<(isLongRun ? 5_000 : 150) {
      let problem = try AssignmentProblem(
        maxMembers: 1 + generator.below(20), maxTopics: 1 + generator.below(16), maxPartitions: generator.below(100),
        hasEqualSubscriptions: hasEqualSubscriptions, &generator)
      let exchanges = Exchanges(Assignor.sticky.assign(problem), problem)
      try #require(!exchanges.canImprove, "seed \(generator.seed), round \(round): \(problem)")
    }
  }

  @Test func `where many partitions go the same way, none is better either`() throws {
    var generator = SeededGenerator(for: "StickyOptimumTests, many")
    for round in 0..<(isLongRun ? 20_000 : 400) {
      let problem = try AssignmentProblem(
        maxMembers: 7, maxTopics: 7, maxPartitions: 150, hasEqualSubscriptions: false, &generator)
      let exchanges = Exchanges(Assignor.sticky.assign(problem), problem)
      try #require(!exchanges.canImprove, "seed \(generator.seed), round \(round): \(problem)")
    }
  }

  @Test func `in a chain of members, who each read what their neighbours read, none is better either`() throws {
    var generator = SeededGenerator(for: "StickyOptimumTests, chain")
    for round in 0..<(isLongRun ? 5_000 : 150) {
      let count = 2 + generator.below(15)
      let ids = try (0..<count).map { try #require(MemberID("member-\(100 + $0)")) }
      let topics = (0..<count).map { place in
        AssignmentProblem.Topic(
          id: .random(using: &generator), name: "topic-\(100 + place)",
          partitionCount: UInt32(generator.below(generator.below(2) == 0 ? 7 : 60)))
      }
      var current: [PartitionID: MemberID] = [:]
      for (place, topic) in topics.enumerated() {
        let reader = max(0, place - generator.below(2))
        for index in 0..<topic.partitionCount where generator.below(8) > 0 {
          current[PartitionID(topic: topic.id, index: index)] = ids[generator.below(6) > 0 ? reader : place]
        }
      }
      let problem = AssignmentProblem(
        topics: topics,
        members: ids.enumerated().map { .init(id: $1, topics: Array($0..<min($0 + 2, count))) },
        current: current)
      let exchanges = Exchanges(Assignor.sticky.assign(problem), problem)
      try #require(!exchanges.canImprove, "seed \(generator.seed), round \(round): \(problem)")
    }
  }
}
