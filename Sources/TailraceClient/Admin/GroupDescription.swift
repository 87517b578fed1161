internal import TailraceWire

/// A group in short.
public struct GroupListing: Hashable, Sendable {
  /// Its id.
  public var group: String
  /// Where it is.
  public var state: GroupDescription.State
  /// How many members it has.
  public var memberCount: Int
}

/// A group as it stands: who is in it, and how far it has come.
public struct GroupDescription: Hashable, Sendable {
  /// Where a group is.
  public enum State: Hashable, Sendable {
    /// No members.
    case empty
    /// Partitions are on the move.
    case rebalancing
    /// Every member owns what it shall own.
    case stable
    /// Not known to this client, or the group cannot be read at the moment.
    case unknown
  }

  /// A member as it stands.
  public struct Member: Hashable, Sendable {
    /// Its id.
    public var id: String
    /// Of a static member.
    public var instanceID: String?
    /// As its client named itself.
    public var clientID: String
    /// Where it is connected from.
    public var address: String
    /// Its epoch.
    public var epoch: Int
    /// What it owns, by topic and number.
    public var owned: [TopicPartition]
    /// What it shall own, by topic and number.
    public var assignment: [TopicPartition]
  }

  /// How far a group is behind in a partition.
  public struct Partition: Hashable, Sendable {
    /// Which.
    public var partition: TopicPartition
    /// What is stored; nil: nothing.
    public var committed: OffsetAndMetadata?
    /// End of what may be read, exclusive.
    public var highWatermark: Int64
    /// Records between; nil where nothing is stored, or the partition cannot be read.
    public var lag: Int64?
    /// Who reads it; nil: nobody.
    public var memberID: String?
  }

  /// Its id.
  public var group: String
  /// Where it is.
  public var state: State
  /// Grows with each change of members, subscriptions or partitions.
  public var epoch: Int
  /// How partitions are shared out; nil: not known to this client.
  public var assignor: ConsumerConfiguration.Assignor?
  /// By id.
  public var members: [Member]
  /// By topic and number.
  public var partitions: [Partition]

  /// Records that the group is behind, in the partitions where that is known.
  public var totalLag: Int64 {
    partitions.reduce(0) { total, partition in
      let (sum, overflow) = total.addingReportingOverflow(partition.lag ?? 0)
      return overflow ? .max : sum
    }
  }
}

extension GroupListing {
  init(_ summary: GroupSummary?) {
    let summary = summary ?? GroupSummary()
    group = summary.group
    state = GroupDescription.State(summary.state)
    memberCount = Int(summary.memberCount)
  }
}

extension GroupDescription {
  init(_ response: DescribeGroupResponse) {
    let listing = GroupListing(response.group)
    group = listing.group
    state = listing.state
    epoch = Int(response.groupEpoch)
    assignor = ConsumerConfiguration.Assignor(response.assignor)
    members = response.members.map { Member($0) }
    partitions = response.partitions.map { Partition($0) }
  }
}

extension GroupDescription.State {
  fileprivate init(_ wire: GroupState) {
    self =
      switch wire {
      case .empty: .empty
      case .rebalancing: .rebalancing
      case .stable: .stable
      default: .unknown
      }
  }
}

extension ConsumerConfiguration.Assignor {
  fileprivate init?(_ wire: Assignor) {
    switch wire {
    case .unspecified, .sticky: self = .sticky
    case .range: self = .range
    case .roundRobin: self = .roundRobin
    default: return nil
    }
  }
}

extension GroupDescription.Member {
  fileprivate init(_ wire: MemberDescription) {
    id = wire.memberID
    instanceID = wire.instanceID
    clientID = wire.clientID
    address = wire.peer
    epoch = Int(wire.memberEpoch)
    owned = wire.owned.partitions
    assignment = wire.assignment.partitions
  }
}

extension GroupDescription.Partition {
  fileprivate init(_ wire: PartitionLag) {
    let stored = wire.committed ?? CommittedOffset(offset: -1)
    partition = TopicPartition(stored.topic, Int(stored.partition))
    committed = OffsetAndMetadata(stored)
    highWatermark = wire.highWatermark
    lag = wire.lag < 0 ? nil : wire.lag
    memberID = wire.memberID.isEmpty ? nil : wire.memberID
  }
}
