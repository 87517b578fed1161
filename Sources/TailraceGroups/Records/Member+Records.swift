internal import TailraceWire

extension Member {
  /// What it reads and shall read, as persisted.
  var assignmentRecord: GroupAssignmentRecord {
    GroupAssignmentRecord(
      epoch: epoch, previousEpoch: previousEpoch, owned: ownedRecords,
      target: target.byTopic.map { TargetPartitions(topicID: $0.topic.bytes, partitions: $0.partitions) })
  }

  private var ownedRecords: [OwnedPartitions] {
    struct Kind: Hashable {
      let topic: TopicID
      let epoch: UInt32
      let isLettingGo: Bool
    }
    let kinds = Dictionary(grouping: owned) { partition, epoch in
      Kind(topic: partition.topic, epoch: epoch, isLettingGo: lettingGo.contains(partition))
    }
    return kinds.map { kind, owned in
      OwnedPartitions(
        topicID: kind.topic.bytes, partitions: owned.map(\.key.index).sorted(), epoch: kind.epoch,
        lettingGo: kind.isLettingGo)
    }
    .sorted { ($0.sortKey, $0.epoch) < ($1.sortKey, $1.epoch) }
  }

  /// The member as it joined, with nothing yet.
  init(id: MemberID, _ record: GroupMemberRecord, subscription: Int) {
    self.init(
      id: id, instanceID: record.instanceID, clientID: record.clientID, peer: record.peer, subscription: subscription,
      sessionTimeoutMs: record.sessionTimeoutMs, rebalanceTimeoutMs: record.rebalanceTimeoutMs,
      joinedEpoch: record.joinedEpoch, replaced: record.replacedMemberID.flatMap { MemberID($0) },
      epoch: record.joinedEpoch)
  }

  /// Takes in what it reads and shall read.
  mutating func apply(_ record: GroupAssignmentRecord) {
    epoch = max(epoch, record.epoch)
    previousEpoch = record.previousEpoch
    for part in record.owned {
      guard let topic = TopicID(part.topicID) else { continue }
      for index in part.partitions {
        let partition = PartitionID(topic: topic, index: index)
        owned[partition] = part.epoch
        if part.lettingGo { lettingGo.insert(partition) }
      }
    }
    for part in record.target {
      guard let topic = TopicID(part.topicID) else { continue }
      target.formUnion(part.partitions.map { PartitionID(topic: topic, index: $0) })
    }
  }
}

extension GroupAssignmentRecord {
  /// Whether all topics have an id.
  var isSound: Bool {
    owned.allSatisfy { TopicID($0.topicID) != nil } && target.allSatisfy { TopicID($0.topicID) != nil }
  }
}

extension Subscription {
  init(_ record: GroupMemberRecord) {
    if let pattern = record.topicPattern {
      self = .pattern(pattern)
    } else {
      self = .names(Set(record.topics).sorted())
    }
  }
}

extension OwnedPartitions {
  fileprivate var sortKey: PartitionID {
    PartitionID(topic: TopicID(topicID) ?? TopicID(high: 0, low: 0), index: partitions.first ?? 0)
  }
}

extension Collection<PartitionID> {
  /// By topic id, the partitions ascending.
  var byTopic: [(topic: TopicID, partitions: [UInt32])] {
    Dictionary(grouping: self, by: \.topic).map { ($0, $1.map(\.index).sorted()) }.sorted { $0.0 < $1.0 }
  }
}

extension Group {
  /// The group's own record.
  var groupRecord: GroupRecord { GroupRecord(epoch: epoch, assignor: assignor, emptySinceMs: emptySinceMs) }

  /// A member as it joined, as persisted.
  func memberRecord(of id: MemberID) -> GroupMemberRecord? {
    guard let member = members[id], let subscription = subscriptions[member.subscription] else { return nil }
    var record = GroupMemberRecord(
      instanceID: member.instanceID, clientID: member.clientID, peer: member.peer,
      sessionTimeoutMs: member.sessionTimeoutMs, rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      joinedEpoch: member.joinedEpoch, replacedMemberID: member.replaced?.text)
    switch subscription {
    case .names(let names): record.topics = names
    case .pattern(let pattern): record.topicPattern = pattern
    }
    return record
  }
}
