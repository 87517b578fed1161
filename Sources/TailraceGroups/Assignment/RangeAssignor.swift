/// Neighbouring partitions of each topic together: its subscribers, in order, get a range each, and the first ones one
/// partition more where it does not come out even. As Kafka's RangeAssignor, so that members with the same subscriptions
/// get the same partitions of topics that are alike, and the first members get more when there are many topics.
enum RangeAssignor {
  /// The reader of each partition, by topic.
  static func readers(_ problem: AssignmentProblem, _ subscriptions: Subscriptions) -> [[Int]] {
    problem.topics.indices.map { topic in
      let wanting = subscriptions.ofTopic(topic)
      guard !wanting.isEmpty else { return [] }
      let (each, more) = Int(problem.topics[topic].partitionCount).quotientAndRemainder(dividingBy: wanting.count)
      var readers: [Int] = []
      for (rank, subscription) in wanting.enumerated() {
        readers += repeatElement(subscriptions.member[subscription], count: rank < more ? each + 1 : each)
      }
      return readers
    }
  }
}
