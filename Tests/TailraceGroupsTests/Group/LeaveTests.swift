import TailraceGroups
import TailraceWire
import Testing

@Suite struct LeaveTests {
  @Test func `what a member owned goes to those who wait for it at once`() throws {
    var test = try TestGroup()
    try test.join("a")
    let b = try test.join("b").memberEpoch
    #expect(try test.park("b", b, [], 9_000, 1))
    try test.leave("a")
    #expect(try test.answers[1]?.get().assignment.numbers == [0, 1, 2, 3])
    #expect(refusal { try test.leave("a") } == .unknownMember)
  }

  @Test func `a group is empty when the last member left`() throws {
    var test = try TestGroup()
    try test.join("a")
    try test.leave("a")
    #expect(test.group.summary.state == .empty && test.group.exists)
  }

  @Test func `a static member that leaves keeps its place until its session time-out`() throws {
    var test = try TestGroup()
    try test.join("a", instance: "one", sessionMs: 6_000)
    try test.pass(5_000)
    try test.leave("a")
    try test.pass(5_999)
    #expect(test.group.summary.memberCount == 1)
    try test.pass(1)
    #expect(test.group.summary.memberCount == 0)
  }

  @Test func `a static member is out for good when its instance id is given`() throws {
    var test = try TestGroup()
    try test.join("a", instance: "one")
    try test.join("b", instance: "two")
    #expect(refusal { try test.leave("a", instance: "two") } == .invalid)
    try test.leave("a", instance: "one")
    try test.leave("", instance: "two")
    #expect(test.group.summary.memberCount == 0)
    #expect(refusal { try test.leave("", instance: "two") } == .unknownMember)
  }
}
