import TailraceGroups
import TailraceWire
import Testing

/// Groups that share out partitions once for all changes within `assignmentIntervalMs`, as large ones do.
@Suite struct SharedAssignmentTests {
  /// The first one was given everything just now.
  private func occupied(_ assignor: Assignor = .sticky) throws -> TestGroup {
    var limits = GroupLimits()
    limits.promptAssignmentSize = 0
    limits.assignmentIntervalMs = 100
    var test = try TestGroup(limits: limits)
    try test.join(JoinGroupRequest(memberID: "a", instanceID: "one", topics: ["clicks"], assignor: assignor))
    #expect(try test.beat("a", 1, []).assignment.numbers == [0, 1, 2, 3])
    return test
  }

  @Test func `members that join together wait for one assignment, and hear of it at once`() throws {
    var test = try occupied()
    #expect(try test.park("a", 1, [0, 1, 2, 3], 9_000, 1))
    for (ticket, member) in [(2 as UInt64, "b"), (3, "c"), (4, "d")] {
      test.now += 20
      let joined = try test.join(member)
      #expect(joined.assignment.isEmpty && test.lastRecords.count == 3)
      #expect(try test.park(member, joined.memberEpoch, [], 9_000, ticket))
    }
    #expect(test.group.summary.state == .rebalancing && test.answers.isEmpty && test.deadline == 1_000_100)
    try test.pass(40)
    let left = try #require(try test.answers[1]?.get().assignment.numbers)
    #expect(left.count == 1)
    _ = try test.beat("a", 1, left)
    let given = try [2, 3, 4].flatMap { try test.answers[$0]?.get().assignment.numbers ?? [] }
    #expect((left + given).sorted() == [0, 1, 2, 3] && test.group.summary.state == .stable)
  }

  @Test func `a change after a quiet while is computed at once`() throws {
    var test = try occupied()
    test.now += 100
    try test.join("b")
    #expect(try test.beat("a", 1, [0, 1, 2, 3]).assignment.numbers.count == 2)
  }

  @Test func `a restart meanwhile computes what was due`() throws {
    var test = try occupied()
    try test.join("b")
    var copy = try test.replayed(test.log)
    #expect(try copy.beat("a", 1, [0, 1, 2, 3]).assignment.numbers.count == 2)
    #expect(try copy.replayed(copy.log).lastRecords.isEmpty)
  }

  @Test func `who leaves meanwhile owns nothing any more, and what it owned is given on soon`() throws {
    var test = try occupied()
    let b = try test.join("b").memberEpoch
    #expect(try test.park("b", b, [], 9_000, 1))
    try test.leave("a", instance: "one")
    #expect(refusal { _ = try test.commit("a", 1, [0]) } == .unknownMember)
    #expect(test.member("b")?.owned.isEmpty == true)
    try test.pass(100)
    #expect(try test.answers[1]?.get().assignment.numbers == [0, 1, 2, 3])
  }

  @Test(arguments: [Assignor.sticky, .range, .roundRobin])
  func `a static member has its own back at once, also after the next assignment`(_ assignor: Assignor) throws {
    var test = try occupied(assignor)
    try test.join("b", instance: "two")
    try test.pass(100)
    let left = try test.beat("a", 1, [0, 1, 2, 3]).assignment.numbers
    let moved = try test.beat("a", 1, left).memberEpoch
    #expect(try test.beat("a", moved, left).assignment.numbers == left)
    let back = try test.join("z", instance: "one")
    #expect(back.assignment.numbers == left)
    let copy = try test.replayed(test.log)
    #expect(copy.lastRecords.isEmpty && copy.member("z")?.assignment.numbers == left)
  }

  @Test func `who subscribes to something else is told at once to let go of the rest`() throws {
    var test = try occupied()
    try test.change(test.topics + [TestGroup.topic(2, "orders", 2)])
    let joined = try test.join("a", instance: "one", topics: ["orders"])
    #expect(joined.assignment.isEmpty)
    let freed = try test.beat("a", joined.memberEpoch, [])
    #expect(test.member("a")?.owned.isEmpty == true)
    try test.pass(100)
    #expect(try test.beat("a", freed.memberEpoch, []).assignment.map(\.topic) == ["orders"])
  }

  @Test func `nobody is given a topic that was deleted meanwhile`() throws {
    var test = try occupied()
    try test.change([TestGroup.topic(2, "orders", 2)])
    #expect(try test.beat("a", 1, []).assignment.isEmpty)
    #expect(test.member("a")?.assignment.isEmpty == true)
  }
}
