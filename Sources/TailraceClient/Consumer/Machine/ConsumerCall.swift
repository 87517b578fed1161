internal import NIOCore
internal import TailraceWire

/// What a consumer asks of the broker.
enum ConsumerCall: Sendable {
  case join(JoinGroupRequest)
  case heartbeat(HeartbeatRequest)
  case commit(CommitOffsetRequest)
  case leave(LeaveGroupRequest)
  /// Who is in the group, of which it is no member any more.
  case describe(DescribeGroupRequest)
  case fetch(FetchRequest)
  /// Which partitions there are, where no group says so.
  case discover
  /// Where to begin in these.
  case position(PartitionAssignment)
  /// Where in a partition a place is.
  case lookUp(OffsetQuery)

  /// Of all but fetches and look-ups one is under way at a time.
  enum Kind: Hashable, CaseIterable {
    case join, heartbeat, commit, leave, describe, fetch, discover, position, lookUp
  }

  var kind: Kind {
    switch self {
    case .join: .join
    case .heartbeat: .heartbeat
    case .commit: .commit
    case .leave: .leave
    case .describe: .describe
    case .fetch: .fetch
    case .discover: .discover
    case .position: .position
    case .lookUp: .lookUp
    }
  }
}

/// What it is told.
enum ConsumerAnswer: Sendable {
  case joined(JoinGroupResponse)
  case heard(HeartbeatResponse)
  case committed(CommitOffsetResponse)
  case left
  case described(DescribeGroupResponse)
  case fetched(FetchResponse)
  case discovered(PartitionAssignment)
  case positioned([StartingPoint])
  case found(Int64)
}

/// Where a consumer begins in a partition.
struct StartingPoint: Hashable, Sendable {
  let partition: TopicPartition
  let topicID: ByteBuffer
  var position: ReadPosition
  /// Whether the group has an offset stored there.
  var isStored: Bool
}
