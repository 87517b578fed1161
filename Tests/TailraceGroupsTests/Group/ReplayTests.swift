import NIOCore
import TailraceGroups
import TailraceWire
import Testing

@Suite struct ReplayTests {
  /// Two members, one of them static and asked to let go; an offset.
  private func moving() throws -> TestGroup {
    var test = try TestGroup()
    let a = try test.join("a", instance: "one", sessionMs: 6_000).memberEpoch
    _ = try test.commit("a", a, [0])
    try test.join("b", topics: ["clicks", "later"])
    return test
  }

  @Test func `a replay gives the same state and has nothing to mend`() throws {
    let test = try moving()
    let copy = try test.replayed(test.log)
    #expect(copy.lastRecords.isEmpty)
    #expect(copy.group.describe() == test.group.describe())
    #expect(Set(copy.group.allRecords) == Set(test.group.allRecords))
  }

  @Test func `time-outs start anew with the replay`() throws {
    let test = try moving()
    var copy = test
    copy.now += 5_000
    copy = try copy.replayed(test.log)
    try copy.pass(5_999)
    #expect(copy.group.summary.memberCount == 2)
    try copy.pass(1)
    #expect(copy.group.summary.memberCount == 1)
  }

  @Test func `what a member was asked for before the restart it is told again, and has its time for`() throws {
    let test = try moving()
    var copy = try test.replayed(test.log)
    #expect(try copy.beat("a", 1, [0, 1, 2, 3]).assignment.numbers == [0, 1])
    #expect(try copy.beat("a", 1, [0, 1]).memberEpoch > 1)
  }

  @Test func `any first part of a history is safe to replay`() throws {
    var test = try moving()
    try test.beat("a", 1, [0, 1])
    try test.beat("b", try #require(test.member("b")).memberEpoch, [])
    try test.join("c", instance: "one")
    try test.leave("b")
    for count in 0...test.log.count {
      let copy = try test.replayed(Array(test.log.prefix(count)))
      let owned = copy.group.describe().members.flatMap { $0.owned.numbers }
      #expect(Set(owned).count == owned.count)
      let targets = copy.group.describe().members.flatMap { $0.assignment.numbers }
      #expect(copy.group.describe().members.isEmpty || targets.sorted() == [0, 1, 2, 3])
      let again = try copy.replayed(Array(test.log.prefix(count)) + copy.lastRecords)
      #expect(again.lastRecords.isEmpty && Set(again.group.allRecords) == Set(copy.group.allRecords))
    }
  }

  @Test func `topics that changed while the broker was down are taken in`() throws {
    var test = try moving()
    test.topics = [TestGroup.topic(2, "clicks", 2)]
    let copy = try test.replayed(test.log)
    #expect(copy.group.describe().members.flatMap { $0.assignment.numbers }.sorted() == [0, 1])
    #expect(copy.group.describe().members.allSatisfy { $0.owned.isEmpty })
    #expect(try copy.offset(0) == -1)
  }

  @Test func `a damaged record is an error that names its key`() throws {
    var test = try TestGroup()
    let member = try #require(MemberID("a"))
    let partition = PartitionID(topic: TopicID(high: 7, low: 1), index: 0)
    let keys: [GroupRecordKey] = [
      .group(test.group.id), .member(test.group.id, member), .assignment(test.group.id, member),
      .offset(test.group.id, partition),
    ]
    for key in keys {
      #expect(refusal { try test.group.replay(key, ByteBuffer(bytes: [0x0a, 0xff, 0xff])) } == .damagedRecord)
    }
    let below = try CommittedOffsetRecord(offset: -1).encoded()
    #expect(refusal { try test.group.replay(keys[3], below) } == .damagedRecord)
    let owned = try GroupAssignmentRecord(owned: [OwnedPartitions(partitions: [1])]).encoded()
    #expect(refusal { try test.group.replay(keys[2], owned) } == .damagedRecord)
  }

  @Test func `numbers at their ends do not trap`() throws {
    var test = try TestGroup()
    let member = try #require(MemberID("a"))
    let topic = TopicID(high: 7, low: 1).bytes
    let most = UInt32.max
    let records = [
      GroupLogRecord(
        .group(test.group.id),
        .group(GroupRecord(epoch: most, assignor: Assignor(rawValue: 77), emptySinceMs: .max))),
      GroupLogRecord(
        .member(test.group.id, member),
        .member(
          GroupMemberRecord(topics: ["clicks"], sessionTimeoutMs: most, rebalanceTimeoutMs: most, joinedEpoch: most))),
      GroupLogRecord(
        .assignment(test.group.id, member),
        .assignment(
          GroupAssignmentRecord(
            epoch: most, previousEpoch: most, owned: [OwnedPartitions(topicID: topic, partitions: [most], epoch: most)],
            target: [TargetPartitions(topicID: topic, partitions: [most, most])]))),
      GroupLogRecord(
        .offset(test.group.id, PartitionID(topic: TopicID(high: 7, low: 1), index: most)),
        .offset(CommittedOffsetRecord(offset: .max, committedAtMs: .max))),
    ]
    test.now = .max
    var copy = try test.replayed(records)
    _ = try copy.beat("a", most, [])
    #expect(refusal { try copy.join("b") } == .limitReached)
    try copy.leave("a")
    _ = copy.group.describe()
  }
}
