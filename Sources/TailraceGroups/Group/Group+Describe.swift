package import TailraceWire

extension Group {
  /// In short.
  package var summary: GroupSummary {
    GroupSummary(group: id.name, state: state, memberCount: UInt32(clamping: members.count))
  }

  private var state: GroupState {
    guard !members.isEmpty else { return .empty }
    return targetDueMs == nil && members.values.allSatisfy(\.isSettled) ? .stable : .rebalancing
  }

  /// Everything but high watermarks and lags, which are 0 and -1. As any reply, to be delivered once all earlier records
  /// are durable.
  package func describe() -> DescribeGroupResponse {
    DescribeGroupResponse(
      group: summary, groupEpoch: epoch, assignor: assignor, members: order.compactMap { describe($0) },
      partitions: named(Set(offsets.keys).union(target.keys).union(owners.keys)).flatMap { lags($0) })
  }

  private func describe(_ id: MemberID) -> MemberDescription? {
    members[id].map { member in
      MemberDescription(
        memberID: id.text, instanceID: member.instanceID, clientID: member.clientID, peer: member.peer,
        memberEpoch: member.epoch, owned: named(member.owned.keys), assignment: named(member.target))
    }
  }

  private func lags(_ entry: TopicPartitions) -> [PartitionLag] {
    guard let topic = TopicID(entry.topicID) else { return [] }
    return entry.partitions.map { index in
      let partition = PartitionID(topic: topic, index: index)
      return PartitionLag(
        committed: stored(partition, name: entry.topic), lag: -1, memberID: owners[partition]?.text ?? "")
    }
  }
}
