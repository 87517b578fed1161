import TailraceWire

/// A group as it stands, for printing.
struct GroupSnapshot {
  let response: DescribeGroupResponse

  init(_ response: DescribeGroupResponse) { self.response = response }

  /// Records that the group is behind in the partitions that have an offset stored.
  var totalLag: Int64 {
    response.partitions.reduce(0) { total, partition in
      let (sum, overflow) = total.addingReportingOverflow(max(0, partition.lag))
      return overflow ? .max : sum
    }
  }

  /// What is printed, in either format.
  func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .text: head + members + partitions
    case .json: [json]
    }
  }

  private var head: [String] {
    let group = response.group ?? GroupSummary()
    return [
      "group:     \(group.group.withoutControls)", "state:     \(group.state.word)",
      "epoch:     \(response.groupEpoch)", "assignor:  \(response.assignor.word)",
      "members:   \(response.members.count)", "total lag: \(totalLag)",
    ]
  }

  private var members: [String] {
    guard !response.members.isEmpty else { return [] }
    var table = Table(["MEMBER", "INSTANCE", "CLIENT", "ADDRESS", "EPOCH", "OWNED"])
    for member in response.members {
      let row = [
        member.memberID, member.instanceID ?? "-", member.clientID, member.peer, "\(member.memberEpoch)",
        Self.owned(member),
      ]
      table.add(row.map { $0.isEmpty ? "-" : $0.withoutControls })
    }
    return [""] + table.lines
  }

  private var partitions: [String] {
    guard !response.partitions.isEmpty else { return [] }
    var table = Table(["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "MEMBER"])
    for partition in response.partitions {
      let committed = partition.committed ?? CommittedOffset(offset: -1)
      table.add([
        committed.topic.withoutControls, "\(committed.partition)", offsetText(committed.offset),
        offsetText(partition.highWatermark), offsetText(partition.lag),
        partition.memberID.isEmpty ? "-" : partition.memberID.withoutControls,
      ])
    }
    return [""] + table.lines
  }

  /// "orders:0-3,7 refunds:1"; with what it shall own behind an arrow where that is something else.
  private static func owned(_ member: MemberDescription) -> String {
    let (owned, assignment) = (text(member.owned), text(member.assignment))
    return owned == assignment ? owned : "\(owned) -> \(assignment)"
  }

  /// "orders:0-3,7 refunds:1", as --topic takes it; "-" for none.
  static func text(_ topics: [TopicPartitions]) -> String {
    let texts = topics.filter { !$0.partitions.isEmpty }.sorted { $0.topic < $1.topic }.map { topic in
      "\(topic.topic):\(runs(topic.partitions.sorted()).joined(separator: ","))"
    }
    return texts.isEmpty ? "-" : texts.joined(separator: " ")
  }

  /// "0-3", "7": numbers in ascending order, with neighbours together.
  private static func runs(_ numbers: [UInt32]) -> [String] {
    var runs: [ClosedRange<UInt32>] = []
    for number in numbers {
      if let last = runs.last, number <= last.upperBound || number - last.upperBound == 1 {
        runs[runs.count - 1] = last.lowerBound...max(number, last.upperBound)
      } else {
        runs.append(number...number)
      }
    }
    return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
  }
}

extension GroupSnapshot {
  private var json: String {
    JSONWriter.object { json in
      json.members(of: response.group ?? GroupSummary())
      json.member("epoch", response.groupEpoch)
      json.member("assignor", response.assignor.word)
      json.member("total_lag", totalLag)
      json.member("members", response.members) { $0.object(of: $1) }
      json.member("partitions", response.partitions) { $0.object(of: $1) }
    }
  }
}

extension JSONWriter {
  fileprivate mutating func object(of member: MemberDescription) {
    object { json in
      json.member("member", member.memberID)
      json.member("instance", member.instanceID)
      json.member("client", member.clientID)
      json.member("address", member.peer)
      json.member("epoch", member.memberEpoch)
      json.member("owned", member.owned) { $0.object(of: $1) }
      json.member("assignment", member.assignment) { $0.object(of: $1) }
    }
  }

  fileprivate mutating func object(of topic: TopicPartitions) {
    object { json in
      json.member("topic", topic.topic)
      json.member("partitions", topic.partitions) { $0.integer($1) }
    }
  }

  fileprivate mutating func object(of partition: PartitionLag) {
    let committed = partition.committed ?? CommittedOffset(offset: -1)
    object { json in
      json.member("topic", committed.topic)
      json.member("partition", committed.partition)
      json.offset("committed", committed.offset)
      json.offset("end", partition.highWatermark)
      json.offset("lag", partition.lag)
      json.member("member", partition.memberID.isEmpty ? nil : partition.memberID)
    }
  }
}
