import TailraceGroups
import TailraceWire
import Testing

@Suite struct RangeAssignorTests {
  @Test func `each subscriber gets a range, and the first ones get one partition more`() throws {
    let problem = try AssignmentProblem(["orders": 7], ["a": ["orders"], "b": ["orders"], "c": ["orders"]])
    #expect(
      Assignor.range.names(problem) == [
        "a": ["orders/0", "orders/1", "orders/2"], "b": ["orders/3", "orders/4"], "c": ["orders/5", "orders/6"],
      ])
  }

  @Test func `topics are shared out one by one, so that the first members get more`() throws {
    let wanted = ["orders", "payments"]
    let problem = try AssignmentProblem(["orders": 3, "payments": 3], ["a": wanted, "b": wanted])
    #expect(
      Assignor.range.names(problem) == [
        "a": ["orders/0", "orders/1", "payments/0", "payments/1"], "b": ["orders/2", "payments/2"],
      ])
  }

  @Test func `who does not subscribe is not counted`() throws {
    let problem = try AssignmentProblem(
      ["orders": 2, "payments": 2], ["a": ["payments"], "b": ["orders", "payments"], "c": []])
    #expect(
      Assignor.range.names(problem) == ["a": ["payments/0"], "b": ["orders/0", "orders/1", "payments/1"], "c": []])
  }

  @Test func `the last members get nothing where there are more of them than partitions`() throws {
    let problem = try AssignmentProblem(
      ["orders": 1], ["a": ["orders"], "b": ["orders"]], current: ["b": ["orders/0"]])
    #expect(Assignor.range.names(problem) == ["a": ["orders/0"], "b": []])
  }
}
