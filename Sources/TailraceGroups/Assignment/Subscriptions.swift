/// Who subscribes to what, in numbers, for assignors to count with. Topics and members are places in the problem's lists;
/// a pair of a topic and a member that subscribes to it is a subscription, numbered by topic and then by member.
struct Subscriptions: Sendable {
  /// Of each subscription.
  let topic: [Int]
  /// Of each subscription.
  let member: [Int]
  /// Where the subscriptions of each topic begin, and where the last one's end.
  private let topicStarts: [Int]
  let memberCount: Int

  init(of problem: AssignmentProblem) {
    var counts = [Int](repeating: 0, count: problem.topics.count)
    for member in problem.members {
      for topic in member.topics { counts[topic] += 1 }
    }
    topicStarts = Self.starts(counts)
    memberCount = problem.members.count
    var topic = [Int](repeating: 0, count: counts.reduce(0, +))
    var member = topic
    var next = topicStarts
    for place in problem.members.indices {
      for wanted in problem.members[place].topics {
        let subscription = next[wanted]
        next[wanted] += 1
        topic[subscription] = wanted
        member[subscription] = place
      }
    }
    self.topic = topic
    self.member = member
  }

  var count: Int { topic.count }

  /// A topic's, by member.
  func ofTopic(_ topic: Int) -> Range<Int> { topicStarts[topic]..<topicStarts[topic + 1] }

  /// The first of a topic's subscriptions whose member is not before `place`; the end of the topic's where there is none.
  func first(ofTopic topic: Int, notBefore place: Int) -> Int {
    var (low, high) = (topicStarts[topic], topicStarts[topic + 1])
    while low < high {
      let middle = low + (high - low) / 2
      if member[middle] < place { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Nil where the member does not subscribe to the topic.
  func find(topic: Int, member place: Int) -> Int? {
    let found = first(ofTopic: topic, notBefore: place)
    return found < topicStarts[topic + 1] && member[found] == place ? found : nil
  }

  private static func starts(_ counts: [Int]) -> [Int] {
    var starts = [0]
    starts.reserveCapacity(counts.count + 1)
    for count in counts { starts.append(starts[starts.count - 1] + count) }
    return starts
  }
}
