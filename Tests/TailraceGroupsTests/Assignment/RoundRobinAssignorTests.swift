import TailraceGroups
import TailraceWire
import Testing

@Suite struct RoundRobinAssignorTests {
  @Test func `members take turns, on from one topic to the next`() throws {
    let wanted = ["orders", "payments"]
    let problem = try AssignmentProblem(["orders": 3, "payments": 3], ["a": wanted, "b": wanted])
    #expect(
      Assignor.roundRobin.names(problem) == [
        "a": ["orders/0", "orders/2", "payments/1"], "b": ["orders/1", "payments/0", "payments/2"],
      ])
  }

  @Test func `who does not subscribe is passed over`() throws {
    let problem = try AssignmentProblem(
      ["t0": 1, "t1": 2, "t2": 3], ["a": ["t0"], "b": ["t0", "t1"], "c": ["t0", "t1", "t2"]])
    #expect(
      Assignor.roundRobin.names(problem) == ["a": ["t0/0"], "b": ["t1/0"], "c": ["t1/1", "t2/0", "t2/1", "t2/2"]])
  }

  @Test func `a turn is over when somebody further on has had it`() throws {
    let problem = try AssignmentProblem(
      ["t0": 1, "t1": 2, "t2": 1], ["a": ["t1"], "b": ["t1", "t2"], "c": ["t0"], "d": ["t2"]])
    #expect(Assignor.roundRobin.names(problem) == ["a": ["t1/0"], "b": ["t1/1"], "c": ["t0/0"], "d": ["t2/0"]])
  }
}
