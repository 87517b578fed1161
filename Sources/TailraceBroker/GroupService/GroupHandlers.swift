internal import NIOCore
internal import TailraceGroups
internal import TailraceStorage
internal import TailraceWire

/// GroupService but Heartbeat and CommitOffset (`GroupHotPath`): one file per method, or a few where they are short.
struct GroupHandlers: GroupServiceHandler {
  /// The frame of an answer: one that certainly does not fit is not even encoded.
  static let maxAnswerBytes = FrameLimits.default.maxFrameBytes

  let coordinator: GroupCoordinator
  let topics: TopicTable
  let store: any LogStore

  func leaveGroup(_ request: LeaveGroupRequest, _ call: CallContext) async throws(RPCError) -> LeaveGroupResponse {
    let now = coordinator.now
    return try await coordinator.apply(to: try group(request.group)) { $0.leave(request, now: now) }
  }

  func fetchOffsets(
    _ request: FetchOffsetsRequest, _ call: CallContext
  ) async throws(RPCError) -> FetchOffsetsResponse {
    let response = try await coordinator.read(try group(request.group)) { group throws(GroupError) in
      try group.offsets(request)
    }
    let byteCount = response.offsets.reduce(0) { $0 + $1.leastBytes }
    guard byteCount <= Self.maxAnswerBytes else {
      throw RPCError(
        .resourceExhausted,
        "the \(response.offsets.count) offsets take \(byteCount) bytes or more, and a frame holds \(Self.maxAnswerBytes); name"
          + " partitions, some at a time", error: .limitReached)
    }
    return response
  }

  func deleteGroup(_ request: DeleteGroupRequest, _ call: CallContext) async throws(RPCError) -> DeleteGroupResponse {
    try await coordinator.delete(try group(request.group))
  }

  /// The group that a request names. Throws INVALID_ARGUMENT.
  func group(_ name: String) throws(RPCError) -> GroupID { try GroupID(naming: name) }
}

extension GroupID {
  /// Throws INVALID_ARGUMENT with the bounds.
  init(naming name: String) throws(RPCError) {
    guard let id = GroupID(name) else {
      throw RPCError(
        .invalidArgument,
        "group '\(name.excerpt)' is not a group's name: 1 to \(Self.maxBytes) bytes of UTF-8 without control characters"
      )
    }
    self = id
  }
}

extension CommittedOffset {
  /// What it takes in a message at the least.
  var leastBytes: Int { 2 + 2 + topic.utf8.count + 2 + topicID.readableBytes + 2 + metadata.utf8.count }
}
