internal import TailraceWire

/// Balanced, and moves the least.
///
/// Balanced: the loads (how many partitions each member reads) are as even as the subscriptions allow, that is, the sum
/// of their squares is the least there is. So where all subscribe to the same topics, they differ by at most one. Moves
/// the least: no other assignment so balanced leaves more partitions where they are.
///
/// Both are exact, and found in two steps: which loads a balanced assignment has (`LoadBlocks`), and the cheapest way to
/// such loads from what everybody reads so far (`LoadFlow`).
enum StickyAssignor {
  /// The reader of each partition, by topic.
  static func readers(_ problem: AssignmentProblem, _ subscriptions: Subscriptions) -> [[Int]] {
    let counts = problem.topics.map { Int($0.partitionCount) }
    let blocks = LoadBlocks(counts, subscriptions)
    let current = currentReaders(problem, subscriptions)
    var kept = [Int](repeating: 0, count: subscriptions.count)
    for case let subscription? in current.joined() where blocks.holds(subscription, of: subscriptions) {
      kept[subscription] += 1
    }
    var flow = LoadFlow(counts, subscriptions, in: blocks, kept: kept)
    flow.moveLeast()
    return readers(flow.held, current, subscriptions)
  }

  /// For each partition, by topic, the subscription that it is read by so far; nil where there is none.
  private static func currentReaders(_ problem: AssignmentProblem, _ subscriptions: Subscriptions) -> [[Int?]] {
    var places = [MemberID: Int](minimumCapacity: problem.members.count)
    for (place, member) in problem.members.enumerated() { places[member.id] = place }
    return problem.topics.indices.map { topic in
      (0..<problem.topics[topic].partitionCount).map { index in
        problem.current[PartitionID(topic: problem.topics[topic].id, index: index)]
          .flatMap { places[$0] }
          .flatMap { subscriptions.find(topic: topic, member: $0) }
      }
    }
  }

  /// The reader of each partition, by topic, where `shares` says how many partitions each subscription gets: the first
  /// that it has so far, and then the first that are free.
  private static func readers(
    _ shares: [Int], _ current: [[Int?]], _ subscriptions: Subscriptions
  ) -> [[Int]] {
    var left = shares
    return current.indices.map { topic in
      guard var next = subscriptions.ofTopic(topic).first else { return [] }
      let kept = current[topic].map { subscription -> Int? in
        guard let subscription, left[subscription] > 0 else { return nil }
        left[subscription] -= 1
        return subscription
      }
      return kept.map { subscription in
        if let subscription { return subscriptions.member[subscription] }
        while left[next] == 0 { next += 1 }
        left[next] -= 1
        return subscriptions.member[next]
      }
    }
  }
}
