import TailraceGroups
import TailraceWire
import Testing

@Suite struct TopicsTests {
  @Test func `new partitions are shared out by themselves`() throws {
    var test = try TestGroup()
    let a = try test.join("a").memberEpoch
    #expect(try test.park("a", a, [0, 1, 2, 3], 9_000, 1))
    try test.change([TestGroup.topic(1, "clicks", 6)])
    #expect(try test.answers[1]?.get().assignment.numbers == [0, 1, 2, 3, 4, 5])
  }

  @Test func `a topic that is made later counts once it is there, by name and by pattern`() throws {
    var test = try TestGroup()
    let a = try test.join("a", topics: ["orders"]).memberEpoch
    let b = try test.join(JoinGroupRequest(memberID: "b", topicPattern: "ord")).memberEpoch
    #expect(try test.park("a", a, [], 9_000, 1) && test.park("b", b, [], 9_000, 2))
    try test.change(test.topics + [TestGroup.topic(2, "orders", 2)])
    #expect(try test.answers[1]?.get().assignment.numbers.count == 1)
    #expect(try test.answers[2]?.get().assignment.numbers.count == 1)
  }

  @Test func `a deleted topic is nobody's at once, and its offsets are gone`() throws {
    var test = try TestGroup()
    let a = try test.join("a").memberEpoch
    _ = try test.commit("a", a, [0])
    #expect(try test.park("a", a, [0, 1, 2, 3], 9_000, 1))
    try test.change([])
    #expect(try test.answers[1]?.get().assignment.isEmpty == true)
    #expect(try test.group.offsets(FetchOffsetsRequest()).offsets.isEmpty)
    #expect(try test.beat("a", a, [0, 1, 2, 3]).assignment.isEmpty)
    #expect(test.group.summary.state == .stable)
  }

  @Test func `a topic made anew under an old name is another one`() throws {
    var test = try TestGroup()
    let a = try test.join("a").memberEpoch
    _ = try test.commit("a", a, [0])
    try test.change([TestGroup.topic(2, "clicks", 1)])
    let told = try test.beat("a", a, [])
    #expect(told.assignment.map(\.topicID) == [TopicID(high: 7, low: 2).bytes] && told.memberEpoch > a)
    #expect(try test.offset(0) == -1)
  }

  @Test func `topics that nobody reads change nothing`() throws {
    var test = try TestGroup()
    try test.join("a")
    try test.change(test.topics + [TestGroup.topic(2, "other", 2)])
    #expect(test.lastRecords.isEmpty)
  }
}
