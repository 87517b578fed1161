import TailraceGroups
import TailraceWire
import Testing

@Suite struct TimeTests {
  @Test func `a member without a heartbeat within its session time-out is out, and what it owned moves`() throws {
    var test = try TestGroup()
    try test.join("a", sessionMs: 6_000)
    let b = try test.join("b").memberEpoch
    #expect(try test.park("b", b, [], 9_000, 1))
    try test.pass(5_999)
    #expect(test.answers.isEmpty)
    try test.pass(1)
    #expect(try test.answers[1]?.get().assignment.numbers == [0, 1, 2, 3])
    #expect(refusal { try test.beat("a", 1, [0, 1, 2, 3]) } == .unknownMember)
    #expect(refusal { _ = try test.commit("a", 1, [0]) } == .unknownMember)
  }

  @Test func `each heartbeat, but no commit, begins the session time-out anew`() throws {
    var test = try TestGroup()
    let a = try test.join("a", sessionMs: 6_000).memberEpoch
    try test.pass(5_000)
    try test.beat("a", a, [0])
    try test.pass(5_000)
    #expect(try test.commit("a", a, [0]) == [.unspecified])
    #expect(test.group.summary.memberCount == 1)
    try test.pass(1_000)
    #expect(test.group.summary.memberCount == 0)
  }

  @Test func `a member that does not let go within its rebalance time-out after it was told is fenced`() throws {
    var test = try TestGroup()
    let a = try test.join("a", rebalanceMs: 8_000).memberEpoch
    let b = try test.join("b").memberEpoch
    try test.pass(3_000)
    try test.beat("a", a, [0, 1, 2, 3])
    try test.pass(7_999)
    #expect(try test.park("a", a, [0, 1, 2, 3], 9_000, 1))
    #expect(try test.beat("b", b, []).assignment.isEmpty)
    try test.pass(1)
    #expect(refusal { _ = try test.answers[1]?.get() } == .fencedMember)
    #expect(try test.beat("b", b, []).assignment.numbers == [0, 1, 2, 3])
  }

  @Test func `members that come and go do not put off when one is fenced that does not let go`() throws {
    var test = try TestGroup()
    let a = try test.join("a", rebalanceMs: 8_000).memberEpoch
    try test.join("b")
    try test.beat("a", a, [0, 1, 2, 3])
    for _ in 0..<3 {
      try test.pass(2_000)
      try test.leave("b")
      try test.join("b")
      try test.beat("a", a, [0, 1, 2, 3])
    }
    #expect(test.member("a") != nil)
    try test.pass(2_000)
    #expect(test.member("a") == nil)
  }

  @Test func `who lets go of some has the time for the rest anew`() throws {
    var test = try TestGroup()
    let a = try test.join("a", rebalanceMs: 8_000).memberEpoch
    try test.join("b")
    try test.beat("a", a, [0, 1, 2, 3])
    try test.pass(7_000)
    try test.beat("a", a, [0, 1, 2])
    try test.pass(7_999)
    #expect(test.member("a") != nil)
    try test.pass(1)
    #expect(test.member("a") == nil)
  }

  @Test func `a heartbeat never lists what was given on, so a late one is fenced`() throws {
    var test = try TestGroup()
    let a = try test.join("a").memberEpoch
    try test.join("b")
    try test.beat("a", a, [0, 1, 2, 3])
    let next = try test.beat("a", a, [0, 1]).memberEpoch
    #expect(refusal { try test.beat("a", a, [0, 1, 2, 3]) } == .fencedMember)
    #expect(try test.beat("a", next, [0, 1]).memberEpoch == next)
  }

  @Test func `offsets and the group go some time after the last member and the last commit`() throws {
    var limits = GroupLimits()
    limits.offsetsRetentionMs = 10_000
    var test = try TestGroup(limits: limits)
    let a = try test.join("a").memberEpoch
    _ = try test.commit("a", a, [0])
    try test.pass(20_000)
    #expect(try test.offset(0) == 5)
    try test.leave("a")
    try test.pass(9_000)
    _ = try test.commit("", 0, [1])
    try test.pass(9_999)
    #expect(test.group.exists && test.deadline == test.now + 1)
    try test.pass(1)
    #expect(!test.group.exists && test.deadline == nil)
    #expect(test.lastRecords.allSatisfy { $0.value == nil } && test.lastRecords.count == 3)
    #expect(try !test.replayed(test.log).group.exists)
  }

  @Test func `a group with members never expires, and one without a retention neither`() throws {
    var limits = GroupLimits()
    limits.offsetsRetentionMs = nil
    var test = try TestGroup(limits: limits)
    _ = try test.commit("", 0, [0])
    #expect(test.deadline == nil)
    try test.pass(.max / 2)
    #expect(test.group.exists)
  }

  @Test func `a clock that steps back fences nobody`() throws {
    var test = try TestGroup()
    let a = try test.join("a").memberEpoch
    try test.pass(-500_000)
    try test.beat("a", a, [0])
    #expect(test.group.summary.memberCount == 1)
  }
}
