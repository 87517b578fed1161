package import TailraceWire

extension Assignor {
  /// Who shall read what: each partition of each topic that somebody subscribes to has exactly one reader who subscribes
  /// to it. Each member is a key, with an empty list where it gets nothing; lists ascend by PartitionID.
  ///
  /// Goes by nothing but the problem: the same one has the same answer everywhere. Values that are not known here mean
  /// sticky.
  package func assign(_ problem: AssignmentProblem) -> [MemberID: [PartitionID]] {
    let subscriptions = Subscriptions(of: problem)
    return switch self {
    case .range: problem.lists(RangeAssignor.readers(problem, subscriptions))
    case .roundRobin: problem.lists(RoundRobinAssignor.readers(problem, subscriptions))
    default: problem.lists(StickyAssignor.readers(problem, subscriptions))
    }
  }
}

extension AssignmentProblem {
  /// What each member reads, of the readers of each topic's partitions: places in `members`. There are none of a topic
  /// that nobody subscribes to.
  fileprivate func lists(_ readers: [[Int]]) -> [MemberID: [PartitionID]] {
    var lists = [[PartitionID]](repeating: [], count: members.count)
    for topic in topics.indices.sorted(by: { topics[$0].id < topics[$1].id }) {
      for (index, reader) in zip(UInt32(0)..., readers[topic]) {
        lists[reader].append(PartitionID(topic: topics[topic].id, index: index))
      }
    }
    var listsByMember = [MemberID: [PartitionID]](minimumCapacity: members.count)
    for (member, list) in zip(members, lists) { listsByMember[member.id] = list }
    return listsByMember
  }
}
