import TailraceGroups
import TailraceTestSupport
import TailraceWire
import Testing

/// What holds for each assignor and each problem, tried with random ones.
@Suite struct AssignorPropertyTests {
  private static let rounds = isLongRun ? 20_000 : 700

  private func problem(_ generator: inout SeededGenerator, hasEqualSubscriptions: Bool? = nil) throws
    -> AssignmentProblem
  {
    try AssignmentProblem(
      maxMembers: 1 + generator.below(12), maxTopics: 8, maxPartitions: 1 + generator.below(50),
      hasEqualSubscriptions: hasEqualSubscriptions ?? (generator.below(4) == 0), &generator)
  }

  @Test(arguments: Assignor.allKnown)
  func `each partition has one reader, who subscribes to it, and each member has an ordered list`(
    _ assignor: Assignor
  ) throws {
    var generator = SeededGenerator(for: "AssignorPropertyTests, readers")
    for round in 0..<Self.rounds {
      let problem = try problem(&generator)
      let lists = assignor.assign(problem)
      let comment: Comment = "seed \(generator.seed), round \(round): \(problem)"
      try #require(Set(lists.keys) == Set(problem.members.map(\.id)), comment)
      try #require(lists.values.allSatisfy { $0 == $0.sorted() }, comment)
      let wanted = Set(problem.members.flatMap(\.topics)).flatMap { topic in
        let topic = problem.topics[topic]
        return (0..<topic.partitionCount).map { PartitionID(topic: topic.id, index: $0) }
      }
      try #require(lists.values.joined().sorted() == wanted.sorted(), comment)
      for member in problem.members {
        let topics = Set(member.topics.map { problem.topics[$0].id })
        try #require(lists[member.id, default: []].allSatisfy { topics.contains($0.topic) }, comment)
      }
    }
  }

  @Test(arguments: Assignor.allKnown)
  func `the same problem has the same answer, in whatever order its dictionary was filled`(_ assignor: Assignor) throws
  {
    var generator = SeededGenerator(for: "AssignorPropertyTests, order")
    for round in 0..<Self.rounds {
      let problem = try problem(&generator)
      var current: [PartitionID: MemberID] = [:]
      current.reserveCapacity(problem.current.count * (1 + generator.below(4)))
      for (partition, member) in problem.current.shuffled(using: &generator) { current[partition] = member }
      let other = AssignmentProblem(topics: problem.topics, members: problem.members, current: current)
      try #require(
        assignor.assign(problem) == assignor.assign(other), "seed \(generator.seed), round \(round): \(problem)")
    }
  }

  @Test(arguments: [Assignor.sticky, .roundRobin])
  func `sizes differ by at most one where all subscribe to the same topics`(_ assignor: Assignor) throws {
    var generator = SeededGenerator(for: "AssignorPropertyTests, sizes")
    for round in 0..<Self.rounds {
      let problem = try problem(&generator, hasEqualSubscriptions: true)
      let sizes = assignor.assign(problem).values.map(\.count)
      let (least, most) = (sizes.min() ?? 0, sizes.max() ?? 0)
      try #require(most - least <= 1, "seed \(generator.seed), round \(round): \(problem)")
    }
  }

  @Test(arguments: Assignor.allKnown) func `assigning again moves nothing`(_ assignor: Assignor) throws {
    var generator = SeededGenerator(for: "AssignorPropertyTests, again")
    for round in 0..<Self.rounds {
      let problem = try problem(&generator)
      let lists = assignor.assign(problem)
      try #require(
        assignor.assign(problem.after(lists)) == lists, "seed \(generator.seed), round \(round): \(problem)")
    }
  }

  @Test func `when a member leaves, only what it had moves`() throws {
    var generator = SeededGenerator(for: "AssignorPropertyTests, leave")
    for round in 0..<Self.rounds {
      let problem = try problem(&generator, hasEqualSubscriptions: true)
      let before = Assignor.sticky.assign(problem)
      var members = problem.members
      let gone = members.remove(at: generator.below(members.count))
      guard !members.isEmpty else { continue }
      let after = Assignor.sticky.assign(problem.after(before, members: members))
      for member in members {
        try #require(
          Set(before[member.id, default: []]).isSubset(of: after[member.id, default: []]),
          "seed \(generator.seed), round \(round), \(gone.id) leaves: \(problem)")
      }
    }
  }

  @Test func `when a member joins, only what it gets moves`() throws {
    var generator = SeededGenerator(for: "AssignorPropertyTests, join")
    for round in 0..<Self.rounds {
      let problem = try problem(&generator, hasEqualSubscriptions: true)
      var members = problem.members
      let newcomer = members.remove(at: generator.below(members.count))
      guard !members.isEmpty else { continue }
      let before = Assignor.sticky.assign(problem.after([:], members: members))
      let after = Assignor.sticky.assign(problem.after(before))
      for member in members {
        try #require(
          Set(after[member.id, default: []]).isSubset(of: before[member.id, default: []]),
          "seed \(generator.seed), round \(round), \(newcomer.id) joins: \(problem)")
      }
    }
  }
}
