import TailraceGroups
import TailraceWire
import Testing

@Suite struct HeartbeatTests {
  /// "a" owns 0 and 1, "b" 2 and 3, both know it; their epochs.
  private func settled() throws -> (TestGroup, a: UInt32, b: UInt32) {
    var test = try TestGroup()
    let a = try test.join("a").memberEpoch
    let b = try test.join("b").memberEpoch
    try test.beat("a", a, [0, 1, 2, 3])
    let nextA = try test.beat("a", a, [0, 1]).memberEpoch
    let nextB = try test.beat("b", b, []).memberEpoch
    return (test, nextA, nextB)
  }

  @Test func `a heartbeat without news makes no records and keeps the epoch`() throws {
    var (test, a, _) = try settled()
    #expect(try test.beat("a", a, [0, 1]).memberEpoch == a)
    #expect(test.lastRecords.isEmpty)
  }

  @Test func `an unknown member is told so`() throws {
    var (test, a, _) = try settled()
    #expect(refusal { try test.beat("x", a, []) } == .unknownMember)
    #expect(refusal { try test.beat("", a, []) } == .unknownMember)
  }

  @Test func `an epoch that is neither the member's nor the one before is fenced`() throws {
    var (test, a, _) = try settled()
    try test.join("a")
    try test.join("a")
    #expect(refusal { try test.beat("a", a, [0, 1]) } == .fencedMember)
    #expect(refusal { try test.beat("a", a + 100, [0, 1]) } == .fencedMember)
    #expect(refusal { try test.beat("b", 0, []) } == .fencedMember)
  }

  @Test func `a member that lists what it does not own is fenced`() throws {
    var (test, a, _) = try settled()
    #expect(refusal { try test.beat("a", a, [0, 1, 2]) } == .fencedMember)
  }

  @Test func `a lost answer does not fence: the epoch before is accepted for a subset`() throws {
    var (test, _, b) = try settled()
    #expect(try test.beat("b", b - 1, []).assignment.numbers == [2, 3])
    #expect(try test.beat("b", b - 1, [2]).memberEpoch == b)
    #expect(refusal { try test.beat("b", b - 1, [0]) } == .fencedMember)
  }

  @Test func `a heartbeat of the epoch before frees nothing`() throws {
    var test = try TestGroup()
    let before = try test.join("a").memberEpoch
    let a = try test.join("a").memberEpoch
    try test.join("b")
    #expect(try test.beat("a", a, [0, 1, 2, 3]).assignment.numbers == [0, 1])
    #expect(try test.beat("a", before, []).memberEpoch == a)
    #expect(test.member("a")?.owned.numbers == [0, 1, 2, 3])
  }

  @Test func `what is asked for once is let go of, even if it is wanted back before`() throws {
    var test = try TestGroup()
    let a = try test.join("a").memberEpoch
    try test.join("b")
    try test.beat("a", a, [0, 1, 2, 3])
    try test.leave("b")
    let told = try test.beat("a", a, [0, 1, 2, 3])
    #expect(told.assignment.numbers == [0, 1] && told.memberEpoch == a)
    let back = try test.beat("a", a, [0, 1])
    #expect(back.assignment.numbers == [0, 1, 2, 3] && back.memberEpoch > a)
  }

  @Test func `part of what is to go may go first, and is given on`() throws {
    var test = try TestGroup()
    try test.join("a")
    let b = try test.join("b").memberEpoch
    try test.beat("a", 1, [0, 1, 2, 3])
    #expect(try test.beat("a", 1, [0, 1, 2]).memberEpoch == 1)
    #expect(try test.beat("b", b, []).assignment.numbers == [3])
  }

  @Test func `a parked heartbeat is answered when partitions become free`() throws {
    var test = try TestGroup()
    try test.join("a")
    let b = try test.join("b").memberEpoch
    #expect(try test.park("b", b, [], 9_000, 7))
    try test.beat("a", 1, [0, 1, 2, 3])
    try test.beat("a", 1, [0, 1])
    #expect(try test.answers[7]?.get().assignment.numbers == [2, 3])
  }

  @Test func `a parked heartbeat is answered when something is to go`() throws {
    var (test, a, _) = try settled()
    #expect(try test.park("a", a, [0, 1], 9_000, 7))
    try test.join("c")
    try test.join("d")
    #expect(try test.answers[7]?.get().assignment.numbers.count == 1)
  }

  @Test func `a parked heartbeat is not answered for what others get`() throws {
    var (test, a, _) = try settled()
    #expect(try test.park("a", a, [0, 1], 9_000, 7))
    let lone = TestGroup.topic(9, "lone", 1)
    try test.change(test.topics + [lone])
    try test.join("c", topics: ["lone"])
    #expect(test.answers.isEmpty && test.member("a")?.memberEpoch == a)
  }

  @Test func `a parked heartbeat is answered when its wait is over`() throws {
    var (test, a, _) = try settled()
    #expect(try test.park("a", a, [0, 1], 3_000, 7))
    try test.pass(2_999)
    #expect(test.answers.isEmpty && test.deadline == test.now + 1)
    try test.pass(1)
    #expect(try test.answers[7]?.get().memberEpoch == a)
  }

  @Test func `a heartbeat is never parked past a third of the session time-out`() throws {
    var test = try TestGroup()
    let a = try test.join("a", sessionMs: 6_000).memberEpoch
    #expect(try test.park("a", a, [0, 1, 2, 3], 60_000, 7))
    #expect(test.deadline == test.now + 2_000)
  }

  @Test func `a newer heartbeat of the same member answers the parked one`() throws {
    var (test, a, _) = try settled()
    #expect(try test.park("a", a, [0, 1], 9_000, 7))
    #expect(try test.park("a", a, [0, 1], 9_000, 8))
    #expect(try test.answers[7]?.get().memberEpoch == a && test.answers[8] == nil)
  }

  @Test func `an abandoned heartbeat is not answered`() throws {
    var (test, a, _) = try settled()
    #expect(try test.park("a", a, [0, 1], 3_000, 7))
    test.group.abandon(ticket: 6, of: "a")
    test.group.abandon(ticket: 7, of: "a")
    try test.pass(4_000)
    #expect(test.answers.isEmpty)
  }

  @Test func `a wait above the bound is refused`() throws {
    var (test, a, _) = try settled()
    #expect(refusal { try test.park("a", a, [0, 1], 60_001, 7) } == .invalid)
  }

  @Test func `while something is to go a heartbeat waits no longer than the interval`() throws {
    var (test, a, _) = try settled()
    try test.join("c")
    try test.join("d")
    #expect(try !test.park("a", a, [0, 1], 9_000, 1))
    #expect(try test.park("a", a, [0, 1], 9_000, 2))
    #expect(test.deadline == test.now + 5_000)
  }

  @Test func `a broker that stops answers what is parked and parks nothing`() throws {
    var (test, a, _) = try settled()
    #expect(try test.park("a", a, [0, 1], 9_000, 7))
    try test.take(test.group.drain()).get()
    #expect(refusal { _ = try test.answers[7]?.get() } == .shuttingDown)
    #expect(try !test.park("a", a, [0, 1], 9_000, 8))
  }
}
