import TailraceTesting
import TailraceWire
import Testing

@testable import TailraceBroker

/// Groups of a broker over a real store, which stops and comes back.
@Suite struct GroupRestartTests {
  private func end(_ broker: TestBroker, byCrash isCrash: Bool) async throws {
    if isCrash { try await broker.crash() } else { try await broker.restart() }
  }

  private func join(_ broker: TestBroker, _ member: String, instance: String? = nil) async throws -> JoinGroupResponse {
    try await broker.call(
      .groupServiceJoinGroup,
      JoinGroupRequest(
        group: "g", memberID: member, instanceID: instance, topics: ["orders"], sessionTimeoutMs: 300_000),
      as: JoinGroupResponse.self)
  }

  private func beat(
    _ broker: TestBroker, _ member: String, _ epoch: UInt32, _ owned: [TopicPartitions]
  ) async throws -> HeartbeatResponse {
    try await broker.call(
      .groupServiceHeartbeat, HeartbeatRequest(group: "g", memberID: member, memberEpoch: epoch, owned: owned),
      as: HeartbeatResponse.self)
  }

  private func withTopic(_ body: (TestBroker) async throws -> Void) async throws {
    try await withBroker { broker in
      _ = try await broker.call(
        .adminServiceCreateTopic, CreateTopicRequest(name: "orders", partitionCount: 4), as: CreateTopicResponse.self)
      try await body(broker)
    }
  }

  @Test(arguments: [false, true])
  func `committed offsets are there after a stop`(byCrash isCrash: Bool) async throws {
    try await withTopic { broker in
      for offset in 1...5 as ClosedRange<Int64> {
        let commit = CommitOffsetRequest(
          group: "g", offsets: [OffsetCommit(topic: "orders", offset: offset, metadata: "\(offset)")])
        let results = try await broker.call(.groupServiceCommitOffset, commit, as: CommitOffsetResponse.self).results
        #expect(results == [OffsetCommitResult()])
        if offset % 2 == 0 { try await end(broker, byCrash: isCrash) }
        let found = try await broker.call(
          .groupServiceFetchOffsets, FetchOffsetsRequest(group: "g"), as: FetchOffsetsResponse.self
        ).offsets
        #expect(found.map(\.offset) == [offset] && found.map(\.metadata) == ["\(offset)"])
      }
    }
  }

  @Test(arguments: [false, true])
  func `members go on with their epochs and partitions after a stop`(byCrash isCrash: Bool) async throws {
    try await withTopic { broker in
      let first = try await join(broker, "a")
      let second = try await join(broker, "b")
      let told = try await beat(broker, "a", first.memberEpoch, first.assignment)
      try await end(broker, byCrash: isCrash)
      // The answer that told it may have been lost: it says what it said before, and is told again.
      let again = try await beat(broker, "a", first.memberEpoch, first.assignment)
      #expect(again.assignment == told.assignment)
      let kept = try await beat(broker, "a", again.memberEpoch, again.assignment)
      let given = try await beat(broker, "b", second.memberEpoch, [])
      #expect(Set(kept.assignment.flat + given.assignment.flat) == Set(first.assignment.flat))
      #expect(kept.assignment.flat.count == 2 && given.assignment.flat.count == 2)
      try await end(broker, byCrash: isCrash)
      let last = [
        try await beat(broker, "a", kept.memberEpoch, kept.assignment),
        try await beat(broker, "b", given.memberEpoch, given.assignment),
      ]
      #expect(last.map(\.assignment) == [kept.assignment, given.assignment])
    }
  }

  @Test(arguments: [false, true])
  func `a static member comes back to its partitions after a stop`(byCrash isCrash: Bool) async throws {
    try await withTopic { broker in
      let first = try await join(broker, "a", instance: "one")
      let second = try await join(broker, "b", instance: "two")
      let told = try await beat(broker, "a", first.memberEpoch, first.assignment)
      let kept = try await beat(broker, "a", told.memberEpoch, told.assignment)
      let given = try await beat(broker, "b", second.memberEpoch, [])
      try await end(broker, byCrash: isCrash)
      let back = try await join(broker, "c", instance: "one")
      #expect(back.assignment == kept.assignment && back.memberEpoch > kept.memberEpoch)
      let other = try await beat(broker, "b", given.memberEpoch, given.assignment)
      #expect(other.assignment == given.assignment)
      await #expect(throws: RPCError.self) { _ = try await beat(broker, "a", kept.memberEpoch, kept.assignment) }
    }
  }

  @Test func `a deleted group stays deleted`() async throws {
    try await withTopic { broker in
      let commit = CommitOffsetRequest(group: "g", offsets: [OffsetCommit(topic: "orders", offset: 1)])
      _ = try await broker.call(.groupServiceCommitOffset, commit, as: CommitOffsetResponse.self)
      _ = try await broker.call(
        .groupServiceDeleteGroup, DeleteGroupRequest(group: "g"), as: DeleteGroupResponse.self)
      try await broker.crash()
      let groups = try await broker.call(.groupServiceListGroups, ListGroupsRequest(), as: ListGroupsResponse.self)
      #expect(groups.groups.isEmpty)
    }
  }
}
