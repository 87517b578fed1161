import TailraceGroups
import TailraceWire
import Testing

@Suite struct JoinTests {
  @Test func `the first member gets everything at once`() throws {
    var test = try TestGroup()
    let joined = try test.join("a")
    #expect(joined.memberID == "a" && joined.memberEpoch == 1 && joined.assignment.numbers == [0, 1, 2, 3])
    #expect(joined.assignment.first?.topic == "clicks" && joined.heartbeatIntervalMs == 5_000)
    #expect(test.group.summary.state == .stable)
  }

  @Test func `a member without an id gets the one that was drawn`() throws {
    var test = try TestGroup()
    #expect(try test.join("").memberID == "drawn")
  }

  @Test func `a member that joins later gets what others let go of, and nothing before`() throws {
    var test = try TestGroup()
    try test.join("a")
    let joined = try test.join("b")
    #expect(joined.assignment.isEmpty && test.group.summary.state == .rebalancing)
    let told = try test.beat("a", 1, [0, 1, 2, 3])
    #expect(told.memberEpoch == 1 && told.assignment.numbers == [0, 1])
    #expect(try test.beat("b", joined.memberEpoch, []).assignment.isEmpty)
    #expect(try test.beat("a", 1, [0, 1]).memberEpoch == 2)
    let given = try test.beat("b", joined.memberEpoch, [])
    #expect(given.assignment.numbers == [2, 3] && given.memberEpoch > joined.memberEpoch)
    #expect(test.group.summary.state == .stable)
  }

  @Test func `a retried join leaves no ghost and changes no assignment`() throws {
    var test = try TestGroup()
    let first = try test.join("a")
    let second = try test.join("a")
    #expect(test.group.summary.memberCount == 1)
    #expect(second.assignment == first.assignment && second.memberEpoch > first.memberEpoch)
    #expect(try test.beat("a", first.memberEpoch, [0, 1, 2, 3]).memberEpoch == second.memberEpoch)
  }

  @Test func `a member that joins with other topics is rebalanced`() throws {
    var test = try TestGroup()
    try test.change(test.topics + [TestGroup.topic(2, "orders", 2)])
    try test.join("a")
    let joined = try test.join("a", topics: ["orders", "orders"])
    #expect(joined.assignment.isEmpty && test.member("a")?.owned.map(\.topic) == ["clicks"])
    #expect(try test.beat("a", joined.memberEpoch, []).assignment.map(\.topic) == ["orders"])
    #expect(test.member("a")?.owned.map(\.topic) == ["orders"])
  }

  @Test func `a pattern reads all topics that it matches`() throws {
    var test = try TestGroup()
    try test.change(test.topics + [TestGroup.topic(2, "clicks-eu", 1), TestGroup.topic(3, "orders", 1)])
    let joined = try test.join(JoinGroupRequest(memberID: "a", topicPattern: "clicks"))
    #expect(joined.assignment.map(\.topic) == ["clicks", "clicks-eu"])
  }

  @Test func `the first member sets the assignor`() throws {
    var test = try TestGroup()
    try test.join(JoinGroupRequest(memberID: "a", topics: ["clicks"], assignor: .range))
    try test.join(JoinGroupRequest(memberID: "b", topics: ["clicks"], assignor: .roundRobin))
    #expect(test.group.describe().assignor == .range)
  }

  @Test func `a static member comes back under a new id to the same partitions, and nobody else hears of it`() throws {
    var test = try TestGroup()
    let old = try test.join("a", instance: "one")
    try test.join("b")
    _ = try test.beat("a", old.memberEpoch, [0, 1, 2, 3])
    let moved = try test.beat("a", old.memberEpoch, [0, 1])
    let other = try test.beat("b", try #require(test.member("b")).memberEpoch, [])
    #expect(try test.park("b", other.memberEpoch, [2, 3], 9_000, 1))
    #expect(try test.park("a", moved.memberEpoch, [0, 1], 9_000, 2))
    let back = try test.join("c", instance: "one")
    #expect(back.assignment.numbers == [0, 1] && test.answers[1] == nil)
    #expect(refusal { _ = try test.answers[2]?.get() } == .fencedMember)
    #expect(try test.commit("c", back.memberEpoch, [0]) == [.unspecified])
  }

  @Test func `a static member whose place was taken is fenced`() throws {
    var test = try TestGroup()
    let old = try test.join("a", instance: "one")
    try test.join("b", instance: "one")
    #expect(refusal { try test.beat("a", old.memberEpoch, [0]) } == .fencedMember)
    #expect(refusal { _ = try test.commit("a", old.memberEpoch, [0]) } == .fencedMember)
    #expect(try test.offset(0) == -1)
  }

  @Test func `who was replaced cannot throw out who replaced it, and may join once that one is out`() throws {
    var test = try TestGroup()
    let old = try test.join("a", instance: "one")
    let new = try test.join("b", instance: "one")
    #expect(refusal { _ = try test.join("a", instance: "one") } == .fencedMember)
    #expect(try test.beat("b", new.memberEpoch, [0, 1, 2, 3]).memberEpoch == new.memberEpoch)
    try test.leave("b", instance: "one")
    try test.join("a", instance: "one")
    #expect(refusal { _ = try test.commit("a", old.memberEpoch, [0]) } == .fencedMember)
  }

  @Test func `what a static member was to let go of is free when it comes back`() throws {
    var test = try TestGroup()
    try test.join("a", instance: "one")
    let other = try test.join("b")
    #expect(try test.park("b", other.memberEpoch, [], 9_000, 1))
    #expect(try test.join("c", instance: "one").assignment.numbers == [0, 1])
    #expect(try test.answers[1]?.get().assignment.numbers == [2, 3])
  }

  @Test func `a member's instance id cannot change`() throws {
    var test = try TestGroup()
    try test.join("a", instance: "one")
    #expect(refusal { try test.join("a") } == .invalid)
    #expect(refusal { try test.join("a", instance: "two") } == .invalid)
  }

  @Test(arguments: [
    JoinGroupRequest(memberID: "a"),
    JoinGroupRequest(memberID: "a", topics: ["clicks"], topicPattern: "c.*"),
    JoinGroupRequest(memberID: "a", topicPattern: ""),
    JoinGroupRequest(memberID: "a", topics: [""]),
    JoinGroupRequest(memberID: "a", topics: [String(repeating: "t", count: 201)]),
    JoinGroupRequest(memberID: "a\n", topics: ["clicks"]),
    JoinGroupRequest(memberID: "a", instanceID: "", topics: ["clicks"]),
    JoinGroupRequest(memberID: "a", clientID: String(repeating: "c", count: 256), topics: ["clicks"]),
    JoinGroupRequest(memberID: "a", topics: ["clicks"], assignor: Assignor(rawValue: 99)),
    JoinGroupRequest(memberID: "a", topics: ["clicks"], sessionTimeoutMs: 999),
    JoinGroupRequest(memberID: "a", topics: ["clicks"], sessionTimeoutMs: 1_800_001),
    JoinGroupRequest(memberID: "a", topics: ["clicks"], rebalanceTimeoutMs: 999),
    JoinGroupRequest(memberID: "a", topics: ["clicks"], rebalanceTimeoutMs: 3_600_001),
  ]) func `a join out of bounds is refused and leaves nothing behind`(_ request: JoinGroupRequest) throws {
    var test = try TestGroup()
    #expect(refusal { try test.join(request) } == .invalid)
    #expect(test.log.isEmpty && !test.group.exists)
  }

  @Test func `a group takes as many members, topics and patterns as it may, and no more`() throws {
    var limits = GroupLimits()
    limits.maxMembers = 2
    limits.maxTopicsPerMember = 3
    limits.maxNamedTopics = 4
    limits.maxPatterns = 1
    var test = try TestGroup(limits: limits)
    #expect(refusal { try test.join("a", topics: ["1", "2", "3", "4"]) } == .limitReached)
    try test.join("a", topics: ["1", "2", "3"])
    #expect(refusal { try test.join("b", topics: ["4", "5"]) } == .limitReached)
    try test.join(JoinGroupRequest(memberID: "b", topicPattern: "x"))
    #expect(refusal { try test.join(JoinGroupRequest(memberID: "b", topicPattern: "y")) } == .limitReached)
    #expect(refusal { try test.join("c", topics: ["1", "2", "3"]) } == .limitReached)
    #expect(test.group.summary.memberCount == 2)
  }

  @Test func `members times their topics are bounded, and who is there may join again`() throws {
    var limits = GroupLimits()
    limits.maxSubscribedTopics = 2
    var test = try TestGroup(limits: limits)
    try test.join("a")
    try test.join("b")
    #expect(refusal { try test.join("c") } == .limitReached)
    try test.join("a")
    try test.leave("b")
    try test.join("c")
  }
}
