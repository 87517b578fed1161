import NIOCore
import TailraceGroups
import TailraceWire
import Testing

@Suite struct CommitTests {
  @Test func `a member commits for what it owns`() throws {
    var test = try TestGroup()
    let a = try test.join("a").memberEpoch
    #expect(try test.commit("a", a, [0, 3]) == [.unspecified, .unspecified])
    #expect(test.lastRecords.count == 2)
    #expect(try test.offset(3) == 5 && test.offset(1) == -1)
  }

  @Test func `a member commits for what it is letting go of, and for nothing that it let go of`() throws {
    var test = try TestGroup()
    let a = try test.join("a").memberEpoch
    try test.join("b")
    try test.beat("a", a, [0, 1, 2, 3])
    #expect(try test.commit("a", a, [2]) == [.unspecified])
    let next = try test.beat("a", a, [0, 1]).memberEpoch
    #expect(try test.commit("a", next, [1, 2]) == [.unspecified, .notOwner])
    #expect(try test.commit("a", a, [1, 2]) == [.unspecified, .notOwner])
  }

  @Test func `a commit counts only for what was got in its epoch or before`() throws {
    var test = try TestGroup()
    let a = try test.join("a").memberEpoch
    try test.join("b")
    try test.beat("a", a, [0, 1, 2, 3])
    let next = try test.beat("a", a, [0, 1]).memberEpoch
    try test.leave("b")
    let last = try test.beat("a", next, [0, 1]).memberEpoch
    #expect(try test.commit("a", next, [0, 2]) == [.unspecified, .notOwner])
    #expect(try test.commit("a", last, [0, 2]) == [.unspecified, .unspecified])
  }

  @Test func `epochs from before the member joined, and such as were never given, are fenced`() throws {
    var test = try TestGroup()
    let first = try test.join("a").memberEpoch
    try test.leave("a")
    let second = try test.join("a").memberEpoch
    #expect(refusal { _ = try test.commit("a", first, [0]) } == .fencedMember)
    #expect(refusal { _ = try test.commit("a", second + 1, [0]) } == .fencedMember)
    #expect(refusal { _ = try test.commit("x", second, [0]) } == .unknownMember)
    #expect(try test.offset(0) == -1)
  }

  @Test func `without a member a commit is accepted only while there is none, and makes the group`() throws {
    var test = try TestGroup()
    #expect(try test.commit("", 0, [0]) == [.unspecified])
    #expect(test.group.exists && test.group.summary.state == .empty)
    try test.join("a")
    #expect(refusal { _ = try test.commit("", 0, [0]) } == .groupNotEmpty)
  }

  @Test func `each offset is checked by itself`() throws {
    var test = try TestGroup()
    let id = TopicID(high: 7, low: 1).bytes
    let offsets = [
      OffsetCommit(topic: "clicks", offset: -1),
      OffsetCommit(topic: "clicks", offset: 1, metadata: String(repeating: "m", count: 4_097)),
      OffsetCommit(topic: "gone", offset: 1),
      OffsetCommit(topicID: TopicID(high: 0, low: 9).bytes, offset: 1),
      OffsetCommit(topicID: ByteBuffer(bytes: [1, 2]), offset: 1),
      OffsetCommit(topic: "clicks", partition: 4, offset: 1),
      OffsetCommit(topicID: id, partition: 3, offset: .max, metadata: String(repeating: "m", count: 4_096)),
    ]
    #expect(
      try test.commit("", 0, offsets) == [
        .invalidRequest, .invalidRequest, .unknownTopic, .unknownTopicID, .invalidRequest, .unknownPartition,
        .unspecified,
      ])
    #expect(try test.offset(3) == .max)
  }

  @Test func `a commit that stores nothing makes no group`() throws {
    var test = try TestGroup()
    #expect(try test.commit("", 0, [9]) == [.unknownPartition])
    #expect(!test.group.exists && test.log.isEmpty)
  }

  @Test func `a commit has at least one offset and at most as many as are allowed`() throws {
    var limits = GroupLimits()
    limits.maxPartitionsPerCall = 2
    limits.maxOffsets = 2
    var test = try TestGroup(limits: limits)
    #expect(refusal { _ = try test.commit("", 0, [UInt32]()) } == .invalid)
    #expect(refusal { _ = try test.commit("", 0, [0, 1, 2]) } == .limitReached)
    _ = try test.commit("", 0, [0, 1])
    #expect(try test.commit("", 0, [1, 2]) == [.unspecified, .limitReached])
  }
}
