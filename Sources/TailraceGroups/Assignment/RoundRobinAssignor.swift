/// All partitions in turn, by topic and index: each goes to the next member, in a circle, that subscribes to its topic. As
/// Kafka's RoundRobinAssignor: sizes differ by at most one where all subscribe to the same topics, and may differ a lot
/// where they do not.
enum RoundRobinAssignor {
  /// The reader of each partition, by topic.
  static func readers(_ problem: AssignmentProblem, _ subscriptions: Subscriptions) -> [[Int]] {
    // Whose turn it is.
    var member = 0
    return problem.topics.indices.map { topic in
      let wanting = subscriptions.ofTopic(topic)
      guard !wanting.isEmpty else { return [] }
      var next = subscriptions.first(ofTopic: topic, notBefore: member)
      return (0..<problem.topics[topic].partitionCount).map { _ in
        if next == wanting.upperBound { next = wanting.lowerBound }
        let reader = subscriptions.member[next]
        next += 1
        member = reader + 1
        return reader
      }
    }
  }
}
