import TailraceGroups
import TailraceWire
import Testing

@Suite struct OffsetsTests {
  @Test func `stored offsets come back as committed, by topic and partition`() throws {
    var test = try TestGroup()
    _ = try test.commit("", 0, [OffsetCommit(topic: "clicks", partition: 2, offset: 8, metadata: "m", lastEpoch: 3)])
    _ = try test.commit("", 0, [0])
    let offsets = try test.group.offsets(FetchOffsetsRequest()).offsets
    #expect(offsets.map(\.partition) == [0, 2])
    #expect(
      offsets.last
        == CommittedOffset(
          topic: "clicks", topicID: TopicID(high: 7, low: 1).bytes, partition: 2, offset: 8, metadata: "m",
          committedAtMs: test.now, lastEpoch: 3))
  }

  @Test func `what is asked for comes in its order, with -1 where nothing is stored`() throws {
    var test = try TestGroup()
    _ = try test.commit("", 0, [1])
    let wanted = [
      TopicPartitions(topic: "clicks", partitions: [1, 0]), TopicPartitions(topic: "gone", partitions: [3]),
    ]
    let offsets = try test.group.offsets(FetchOffsetsRequest(partitions: wanted)).offsets
    #expect(offsets.map(\.offset) == [5, -1, -1] && offsets.map(\.partition) == [1, 0, 3])
  }

  @Test func `more partitions than allowed are refused`() throws {
    var limits = GroupLimits()
    limits.maxPartitionsPerCall = 1
    let test = try TestGroup(limits: limits)
    let wanted = TopicPartitions(topic: "clicks", partitions: [0, 1])
    #expect(refusal { _ = try test.group.offsets(FetchOffsetsRequest(partitions: [wanted])) } == .limitReached)
  }

  @Test func `only an empty group is deleted, and leaves nothing`() throws {
    var test = try TestGroup()
    #expect(refusal { _ = try test.take(test.group.delete(now: test.now)).get() } == .unknownGroup)
    let a = try test.join("a").memberEpoch
    _ = try test.commit("a", a, [0, 1])
    #expect(refusal { _ = try test.take(test.group.delete(now: test.now)).get() } == .groupNotEmpty)
    try test.leave("a")
    _ = try test.take(test.group.delete(now: test.now)).get()
    #expect(!test.group.exists && test.group.allRecords.isEmpty)
    #expect(test.lastRecords.map(\.value) == [nil, nil, nil])
    #expect(try !test.replayed(test.log).group.exists)
  }

  @Test func `offsets of an empty group are reset, of another not`() throws {
    var test = try TestGroup()
    let partition = PartitionID(topic: TopicID(high: 7, low: 1), index: 2)
    #expect(refusal { try test.group.checkResettable() } == .unknownGroup)
    try test.join("a")
    #expect(refusal { try test.group.checkResettable() } == .groupNotEmpty)
    #expect(refusal { try test.take(test.group.reset([(partition, 9)], now: test.now)).get() } == .groupNotEmpty)
    try test.leave("a")
    try test.take(test.group.reset([(partition, 9)], now: test.now)).get()
    #expect(try test.offset(2) == 9)
    #expect(refusal { try test.take(test.group.reset([(partition, -1)], now: test.now)).get() } == .invalid)
  }

  @Test func `a description shows members, owners and offsets`() throws {
    var test = try TestGroup()
    let a = try test.join("a", instance: "one").memberEpoch
    _ = try test.commit("a", a, [1])
    try test.join("b")
    let description = test.group.describe()
    #expect(description.group == GroupSummary(group: "readers", state: .rebalancing, memberCount: 2))
    #expect(description.members.map(\.memberID) == ["a", "b"] && description.groupEpoch == 2)
    #expect(description.members.first?.owned.numbers == [0, 1, 2, 3])
    #expect(description.members.map(\.assignment.numbers) == [[0, 1], [2, 3]])
    #expect(description.members.first?.peer == "127.0.0.1:9" && description.members.first?.instanceID == "one")
    #expect(description.partitions.map(\.memberID) == ["a", "a", "a", "a"])
    #expect(description.partitions.map(\.committed?.offset) == [-1, 5, -1, -1])
  }
}
