import TailraceGroups
import TailraceWire
import Testing

@Suite struct StickyAssignorTests {
  @Test(arguments: [Assignor.unspecified, .sticky, Assignor(rawValue: 77)])
  func `an assignor that is not named or not known is the sticky one`(_ assignor: Assignor) throws {
    let problem = try AssignmentProblem(
      ["orders": 2], ["a": ["orders"], "b": ["orders"]], current: ["b": ["orders/0"]])
    #expect(assignor.names(problem) == ["a": ["orders/1"], "b": ["orders/0"]])
  }

  @Test func `a topic's partitions are spread over the members`() throws {
    let wanted = ["orders", "payments"]
    let problem = try AssignmentProblem(["orders": 2, "payments": 2], ["a": wanted, "b": wanted])
    #expect(
      Assignor.sticky.names(problem) == ["a": ["orders/0", "payments/0"], "b": ["orders/1", "payments/1"]])
  }

  @Test func `what a member leaves goes to those that have the least`() throws {
    let problem = try AssignmentProblem(
      ["orders": 6], ["a": ["orders"], "b": ["orders"]],
      current: ["a": ["orders/0", "orders/3"], "b": ["orders/1"], "gone": ["orders/2", "orders/4", "orders/5"]])
    #expect(
      Assignor.sticky.names(problem) == [
        "a": ["orders/0", "orders/3", "orders/2"].sorted(), "b": ["orders/1", "orders/4", "orders/5"],
      ])
  }

  @Test func `a newcomer gets its share, and nothing else moves`() throws {
    let wanted = ["orders"]
    let problem = try AssignmentProblem(
      ["orders": 5], ["a": wanted, "b": wanted, "c": wanted],
      current: ["b": ["orders/0", "orders/1", "orders/2"], "c": ["orders/3", "orders/4"]])
    #expect(
      Assignor.sticky.names(problem) == [
        "a": ["orders/2"], "b": ["orders/0", "orders/1"], "c": ["orders/3", "orders/4"],
      ])
  }

  @Test func `those who have one more than others keep it`() throws {
    let wanted = ["orders"]
    let problem = try AssignmentProblem(
      ["orders": 4], ["a": wanted, "b": wanted, "c": wanted],
      current: ["a": ["orders/3"], "b": ["orders/0"], "c": ["orders/1", "orders/2"]])
    #expect(
      Assignor.sticky.names(problem) == ["a": ["orders/3"], "b": ["orders/0"], "c": ["orders/1", "orders/2"]])
  }

  @Test func `what is read by a member that is gone or does not subscribe any more is free`() throws {
    let problem = try AssignmentProblem(
      ["orders": 2, "payments": 2], ["a": ["orders"], "b": ["payments"]],
      current: ["a": ["payments/0", "orders/9", "deleted/0"], "b": ["orders/0", "payments/1"], "gone": ["orders/1"]])
    #expect(
      Assignor.sticky.names(problem) == ["a": ["orders/0", "orders/1"], "b": ["payments/0", "payments/1"]])
  }

  @Test func `partitions move along a chain of members where no two of them could even it out alone`() throws {
    let problem = try AssignmentProblem(
      ["t0": 3, "t1": 2], ["a": ["t0"], "b": ["t0", "t1"], "c": ["t1"]],
      current: ["a": ["t0/0", "t0/1", "t0/2"], "b": ["t1/0", "t1/1"]])
    #expect(Assignor.sticky.names(problem) == ["a": ["t0/0", "t0/1"], "b": ["t0/2", "t1/0"], "c": ["t1/1"]])
  }

  @Test func `members that can only read what many others read get no less for it`() throws {
    let problem = try AssignmentProblem(
      ["big": 6, "small": 2], ["a": ["big", "small"], "b": ["big", "small"], "c": ["small"]],
      current: ["a": ["big/0", "big/1", "big/2", "small/0"], "b": ["big/3", "big/4", "big/5", "small/1"]])
    #expect(
      Assignor.sticky.names(problem) == [
        "a": ["big/0", "big/1", "big/2"], "b": ["big/3", "big/4", "big/5"], "c": ["small/0", "small/1"],
      ])
  }

  @Test func `nobody, nothing to read and nothing wanted are no trouble`() throws {
    for assignor in Assignor.allKnown {
      #expect(assignor.assign(try AssignmentProblem([:], [:])) == [:])
      #expect(assignor.names(try AssignmentProblem([:], ["a": []])) == ["a": []])
      #expect(assignor.names(try AssignmentProblem(["none": 0], ["a": ["none"]])) == ["a": []])
      #expect(assignor.names(try AssignmentProblem(["unread": 3], ["a": []])) == ["a": []])
    }
  }
}
