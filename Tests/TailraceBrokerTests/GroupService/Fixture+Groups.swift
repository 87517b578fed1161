import TailraceTesting
import TailraceWire

@testable import TailraceBroker

// Calls of GroupService, for group "g" unless it is given.
extension Fixture {
  func join(
    _ group: String = "g", member: String = "", topics: [String] = ["orders"], pattern: String? = nil
  ) async throws -> JoinGroupResponse {
    try await call(
      .groupServiceJoinGroup,
      JoinGroupRequest(
        group: group, memberID: member, topics: pattern == nil ? topics : [], topicPattern: pattern,
        sessionTimeoutMs: 30_000),
      as: JoinGroupResponse.self)
  }

  func beat(
    _ group: String = "g", member: String, epoch: UInt32, owned: [TopicPartitions] = []
  ) async throws -> HeartbeatResponse {
    try await call(
      .groupServiceHeartbeat, HeartbeatRequest(group: group, memberID: member, memberEpoch: epoch, owned: owned),
      as: HeartbeatResponse.self)
  }

  /// Sends a heartbeat that may wait.
  func sendBeat(
    _ group: String = "g", member: String, epoch: UInt32, owned: [TopicPartitions] = []
  ) async throws -> CallID {
    let request = HeartbeatRequest(
      group: group, memberID: member, memberEpoch: epoch, owned: owned, maxWaitMs: 10_000)
    return await connection.send([(.groupServiceHeartbeat, try request.encoded())])[0]
  }

  /// A member that owns what it shall, and a heartbeat of it that waits.
  func parkOne(_ member: String = "m") async throws -> CallID {
    let joined = try await join(member: member)
    return try await sendBeat(member: member, epoch: joined.memberEpoch, owned: joined.assignment)
  }

  @discardableResult
  func commit(
    _ offsets: [OffsetCommit], to group: String = "g", member: String = "", epoch: UInt32 = 0
  ) async throws -> [OffsetCommitResult] {
    try await call(
      .groupServiceCommitOffset,
      CommitOffsetRequest(group: group, memberID: member, memberEpoch: epoch, offsets: offsets),
      as: CommitOffsetResponse.self
    ).results
  }

  func committed(_ group: String = "g", _ partitions: [TopicPartitions] = []) async throws -> [CommittedOffset] {
    try await call(
      .groupServiceFetchOffsets, FetchOffsetsRequest(group: group, partitions: partitions),
      as: FetchOffsetsResponse.self
    ).offsets
  }

  func describe(_ group: String = "g") async throws -> DescribeGroupResponse {
    try await call(.groupServiceDescribeGroup, DescribeGroupRequest(group: group), as: DescribeGroupResponse.self)
  }

  func reset(
    _ group: String = "g", _ partitions: [TopicPartitions] = [], to: ResetTo, _ value: Int64 = 0, dryRun: Bool = false
  ) async throws -> [ResetOffsetsResult] {
    try await call(
      .groupServiceResetOffsets,
      ResetOffsetsRequest(group: group, partitions: partitions, to: to, value: value, dryRun: dryRun),
      as: ResetOffsetsResponse.self
    ).results
  }

  func list(_ request: ListGroupsRequest = ListGroupsRequest()) async throws -> ListGroupsResponse {
    try await call(.groupServiceListGroups, request, as: ListGroupsResponse.self)
  }

  func deleteTopic(_ name: String) async throws {
    _ = try await call(.adminServiceDeleteTopic, DeleteTopicRequest(name: name), as: DeleteTopicResponse.self)
  }

  var parkedCount: Int { broker.groups.parked.count }
}

extension [TopicPartitions] {
  /// As "topic/partition".
  var flat: [String] { flatMap { entry in entry.partitions.map { "\(entry.topic)/\($0)" } } }
}
