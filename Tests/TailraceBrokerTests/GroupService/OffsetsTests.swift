import NIOCore
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

@testable import TailraceBroker

/// Committed offsets and what groups look like, through the dispatcher.
@Suite struct OffsetsTests {
  private func offset(_ offset: Int64, partition: UInt32 = 0, topic: String = "orders") -> OffsetCommit {
    OffsetCommit(topic: topic, partition: partition, offset: offset)
  }

  private func partitions(_ indices: [UInt32], topic: String = "orders") -> [TopicPartitions] {
    [TopicPartitions(topic: topic, partitions: indices)]
  }

  @Test func `what is committed is found again`() async throws {
    try await withFixture { broker in
      let topic = try await broker.createTopic(partitions: 3)
      let results = try await broker.commit([
        OffsetCommit(topic: "orders", partition: 2, offset: 7, metadata: "note", lastEpoch: 3), offset(1),
        offset(1, topic: "nothing"), offset(1, partition: 3), offset(-1),
      ])
      #expect(results.map { $0.error?.code } == [nil, nil, .unknownTopic, .unknownPartition, .invalidRequest])
      let two = CommittedOffset(
        topic: "orders", topicID: topic.topicID, partition: 2, offset: 7, metadata: "note",
        committedAtMs: ManualClock.startMs, lastEpoch: 3)
      #expect(try await broker.committed().map(\.offset) == [1, 7])
      #expect(try await broker.committed("g", partitions([2, 1])).map(\.offset) == [7, -1])
      #expect(try await broker.committed("g", partitions([2])) == [two])
    }
  }

  @Test func `of a group that is not there no offset is stored`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      #expect(try await broker.committed("g", partitions([0])).map(\.offset) == [-1])
      #expect(try await broker.committed("g", partitions([5], topic: "nothing")).map(\.offset) == [-1])
      #expect(try await broker.committed().isEmpty)
      #expect(try await broker.list().groups.isEmpty)
    }
  }

  @Test func `a commit is answered once it is stored, and its answer expected until then`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      broker.store.holdAppends()
      let request = CommitOffsetRequest(group: "g", offsets: [offset(4)])
      let commit = await broker.connection.send([(.groupServiceCommitOffset, try request.encoded())])[0]
      let look = await broker.connection.send([
        (.groupServiceFetchOffsets, try FetchOffsetsRequest(group: "g").encoded())
      ])[0]
      #expect(broker.connection.answeredCalls.suffix(1) != [commit])
      #expect(broker.connection.answers(to: commit).isEmpty)
      #expect(broker.connection.expectedAnswers == 1)
      let beat = HeartbeatRequest(group: "g", memberID: "nobody")
      _ = await broker.connection.send([(.groupServiceHeartbeat, try beat.encoded())])
      #expect(broker.connection.expectedAnswers == 1, "a heartbeat does not wait for the disk")
      broker.store.releaseAppends()
      #expect(await broker.connection.response(to: commit).failure == nil)
      let found = try await broker.connection.response(to: look).decoded(as: FetchOffsetsResponse.self)
      #expect(found.offsets.map(\.offset) == [4])
    }
  }

  @Test func `a commit with a large message is answered too`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 20)
      let metadata = String(repeating: "m", count: 4_000)
      let commits = (0..<20 as Range<UInt32>).map {
        OffsetCommit(topic: "orders", partition: $0, offset: Int64($0), metadata: metadata)
      }
      #expect(try await broker.commit(commits).allSatisfy { $0.error == nil })
      #expect(try await broker.committed().map(\.offset) == Array(0..<20))
      let undecodable = ByteBuffer(repeating: 0xFF, count: 40_000)
      for method in [RPCMethod.groupServiceCommitOffset, .groupServiceHeartbeat] {
        #expect(await broker.connection.call(method, undecodable).failure?.code == .invalidArgument)
        let short = ByteBuffer(repeating: 0xFF, count: 4)
        #expect(await broker.connection.call(method, short).failure?.code == .invalidArgument)
      }
    }
  }

  @Test func `commits of a connection keep their order, whichever of them are large`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 20)
      let metadata = String(repeating: "m", count: 4_000)
      for round in 0..<20 as Range<Int64> {
        let large = (0..<20 as Range<UInt32>).map {
          OffsetCommit(topic: "orders", partition: $0, offset: 2 * round, metadata: metadata)
        }
        let calls = await broker.connection.send([
          (.groupServiceCommitOffset, try CommitOffsetRequest(group: "g", offsets: large).encoded()),
          (.groupServiceCommitOffset, try CommitOffsetRequest(group: "g", offsets: [offset(2 * round + 1)]).encoded()),
        ])
        for call in calls { #expect(await broker.connection.response(to: call).failure == nil) }
        #expect(broker.connection.answeredCalls.suffix(2) == calls[...])
        #expect(try await broker.committed("g", partitions([0])).map(\.offset) == [2 * round + 1])
      }
    }
  }

  @Test func `a member commits what it owns, others do not`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let joined = try await broker.join(member: "m")
      #expect(try await broker.commit([offset(3)], member: "m", epoch: joined.memberEpoch).first?.error == nil)
      let alien = CommitOffsetRequest(group: "g", offsets: [offset(1)])
      #expect(try await broker.failure(of: .groupServiceCommitOffset, alien)?.error == .groupNotEmpty)
      let old = CommitOffsetRequest(group: "g", memberID: "m", memberEpoch: 99, offsets: [offset(1)])
      #expect(try await broker.failure(of: .groupServiceCommitOffset, old)?.error == .fencedMember)
      #expect(try await broker.committed().map(\.offset) == [3])
    }
  }

  @Test func `a description says how far a group is behind`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      for index in 0..<10 { _ = try await broker.produce([batch(["\(index)"])]) }
      let joined = try await broker.join(member: "m")
      try await broker.commit([offset(4)], member: "m", epoch: joined.memberEpoch)
      func figures() async throws -> [[Int64]] {
        try await broker.describe().partitions.map { [$0.committed?.offset ?? -9, $0.highWatermark, $0.lag] }
      }
      #expect(try await figures() == [[4, 10, 6], [-1, 0, -1]])
      let delete = DeleteRecordsRequest(targets: [DeleteRecordsTarget(topic: "orders", beforeOffset: 8)])
      _ = try await broker.call(.logServiceDeleteRecords, delete, as: DeleteRecordsResponse.self)
      #expect(try await figures() == [[4, 10, 2], [-1, 0, -1]])
      try await broker.commit([offset(99)], member: "m", epoch: joined.memberEpoch)
      #expect(try await figures() == [[99, 10, 0], [-1, 0, -1]])
      #expect(try await broker.describe().partitions.map(\.memberID) == ["m", "m"])
      let missing = try await broker.failure(of: .groupServiceDescribeGroup, DescribeGroupRequest(group: "no"))
      #expect(missing?.code == .notFound && missing?.error == .unknownGroup)
    }
  }

  @Test func `offsets that do not fit a frame are refused as a whole, and told some at a time`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 4_200)
      let metadata = String(repeating: "m", count: 4_000)
      for start in stride(from: 0, to: 4_200, by: 1_000) as StrideTo<UInt32> {
        let commits = (start..<min(start + 1_000, 4_200)).map {
          OffsetCommit(topic: "orders", partition: $0, offset: 1, metadata: metadata)
        }
        #expect(try await broker.commit(commits).allSatisfy { $0.error == nil })
      }
      let refusal = try await broker.failure(of: .groupServiceFetchOffsets, FetchOffsetsRequest(group: "g"))
      #expect(refusal?.code == .resourceExhausted && refusal?.error == .limitReached)
      #expect(try await broker.committed("g", partitions([3, 4_199])).map(\.metadata) == [metadata, metadata])
      let described = try await broker.describe().partitions
      #expect(described.count == 4_200)
      #expect(described.allSatisfy { $0.committed?.offset == 1 && $0.committed?.metadata == "" })
    }
  }

  @Test func `a description has what was committed as metadata`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      try await broker.commit([OffsetCommit(topic: "orders", offset: 1, metadata: "note")])
      #expect(try await broker.describe().partitions.map { $0.committed?.metadata } == ["note"])
    }
  }

  @Test func `groups are listed a page at a time, by prefix`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      for name in ["b", "a3", "a1", "a5", "a2", "a4"] { try await broker.commit([offset(1)], to: name) }
      _ = try await broker.join("a2", member: "m")
      var names: [[String]] = []
      var request = ListGroupsRequest(prefix: "a", pageSize: 2)
      repeat {
        let page = try await broker.list(request)
        names.append(page.groups.map(\.group))
        request.pageToken = page.nextPageToken
      } while !request.pageToken.isEmpty && names.count < 10
      #expect(names == [["a1", "a2"], ["a3", "a4"], ["a5"]])
      let all = try await broker.list()
      #expect(all.groups.count == 6 && all.nextPageToken.isEmpty)
      #expect(
        all.groups.prefix(2) == [
          GroupSummary(group: "a1", state: .empty), GroupSummary(group: "a2", state: .stable, memberCount: 1),
        ])
      #expect(try await broker.list(ListGroupsRequest(prefix: "c")).groups.isEmpty)
      #expect(try await broker.list(ListGroupsRequest(prefix: "a", pageSize: 5)).nextPageToken.isEmpty)
      let tooLarge = try await broker.failure(of: .groupServiceListGroups, ListGroupsRequest(pageSize: 10_001))
      #expect(tooLarge?.code == .invalidArgument)
    }
  }

  @Test func `a group that cannot be read is listed without its state, beside the others`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      for name in ["a", "b"] { try await broker.commit([offset(1)], to: name) }
      broker.store.fail(.append(.refused(StorageError(.full, "the disk is full"))))
      let commit = CommitOffsetRequest(group: "a", offsets: [offset(2)])
      #expect(try await broker.failure(of: .groupServiceCommitOffset, commit)?.code == .unavailable)
      let groups = try await broker.list().groups
      #expect(groups == [GroupSummary(group: "a"), GroupSummary(group: "b", state: .empty)])
    }
  }

  @Test func `a group without members is deleted with its offsets`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      try await broker.commit([offset(1)])
      let request = DeleteGroupRequest(group: "g")
      let joined = try await broker.join(member: "m")
      #expect(try await broker.failure(of: .groupServiceDeleteGroup, request)?.error == .groupNotEmpty)
      _ = try await broker.call(
        .groupServiceLeaveGroup, LeaveGroupRequest(group: "g", memberID: joined.memberID), as: LeaveGroupResponse.self)
      #expect(try await broker.failure(of: .groupServiceDeleteGroup, request) == nil)
      #expect(try await broker.list().groups.isEmpty)
      #expect(try await broker.committed().isEmpty)
      #expect(try await broker.failure(of: .groupServiceDeleteGroup, request)?.error == .unknownGroup)
      broker.broker.tick()
      #expect(try await broker.failure(of: .groupServiceDeleteGroup, request)?.error == .unknownGroup)
      try await broker.commit([offset(2)])
      #expect(try await broker.committed().map(\.offset) == [2])
    }
  }

  @Test func `offsets go with their topic`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      try await broker.createTopic("payments")
      try await broker.commit([offset(1), offset(2, topic: "payments")])
      try await broker.deleteTopic("orders")
      #expect(try await broker.committed().map(\.topic) == ["payments"])
      try await broker.createTopic()
      #expect(try await broker.committed("g", partitions([0])).map(\.offset) == [-1])
    }
  }
}
