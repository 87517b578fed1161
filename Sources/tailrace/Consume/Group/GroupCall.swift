import NIOCore
import TailraceClient
import TailraceWire

/// What a member asks of the broker.
enum GroupCall: Sendable {
  case connect
  case join(JoinGroupRequest)
  case heartbeat(HeartbeatRequest)
  /// Where to begin in these partitions.
  case position(PartitionAssignment)
  case fetch(FetchRequest)
  case commit(CommitOffsetRequest)
  case describe(DescribeGroupRequest)
  case leave(LeaveGroupRequest)

  /// One call of each kind is under way at a time.
  enum Kind: CaseIterable {
    case connect, join, heartbeat, commit, position, fetch, describe, leave
  }
}

/// What it is told.
enum GroupAnswer: Sendable {
  case connected
  case joined(JoinGroupResponse)
  case heard(HeartbeatResponse)
  case positioned([StartingPoint])
  case fetched(FetchResponse)
  case committed(CommitOffsetResponse)
  case described(DescribeGroupResponse)
  case left
}

/// Where a member begins in a partition that it was given.
struct StartingPoint: Hashable, Sendable {
  let cursor: PartitionCursor
  /// Whether the group has an offset stored there.
  let isStored: Bool
}
