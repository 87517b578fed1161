package import TailraceWire

extension Assignor {
  /// Stands in until the assignors are here: balanced among topics with the same subscribers, keeps what may be kept.
  package func assign(_ problem: AssignmentProblem) -> [MemberID: [PartitionID]] {
    var places: [MemberID: Int] = [:]
    var subscribers = [[Int]](repeating: [], count: problem.topics.count)
    for (place, member) in problem.members.enumerated() {
      places[member.id] = place
      for topic in member.topics { subscribers[topic].append(place) }
    }
    var pools: [[Int]: [PartitionID]] = [:]
    for (place, topic) in problem.topics.enumerated() where !subscribers[place].isEmpty {
      pools[subscribers[place], default: []] += (0..<topic.partitionCount).map {
        PartitionID(topic: topic.id, index: $0)
      }
    }
    var result: [MemberID: [PartitionID]] = [:]
    for (candidates, partitions) in pools {
      var own: [Int: Int] = [:]
      let least = partitions.count / candidates.count
      var extras = partitions.count % candidates.count
      let allowed = Set(candidates)
      func give(_ partition: PartitionID, _ owner: Int) {
        if own[owner, default: 0] == least { extras -= 1 }
        own[owner, default: 0] += 1
        result[problem.members[owner].id, default: []].append(partition)
      }
      var open: [PartitionID] = []
      for partition in partitions {
        if let owner = problem.current[partition].flatMap({ places[$0] }), allowed.contains(owner),
          own[owner, default: 0] < least || (own[owner, default: 0] == least && extras > 0)
        {
          give(partition, owner)
        } else {
          open.append(partition)
        }
      }
      for partition in open {
        guard let owner = candidates.min(by: { (own[$0] ?? 0, $0) < (own[$1] ?? 0, $1) }) else { continue }
        give(partition, owner)
      }
    }
    return result
  }
}
