import TailraceGroups
import TailraceWire

/// All that could be exchanged in an assignment. It is the best there is where no cycle of exchanges makes it better
/// (Klein's theorem on flows of least cost): an independent check for groups that are too large to try all assignments.
///
/// Nodes are the topics, then the members, then one for all loads. A member gives a partition to its topic, a topic gives
/// one to a member, and loads are passed on over the last node. One more move costs 1; evenness goes before all moves.
struct Exchanges {
  private struct Step {
    let from: Int
    let to: Int
    let cost: Int
  }

  private let nodeCount: Int
  private var steps: [Step] = []

  init(_ lists: [MemberID: [PartitionID]], _ problem: AssignmentProblem) {
    nodeCount = problem.topics.count + problem.members.count + 1
    // More than all moves together.
    let evenness = 1 << 20
    for (place, member) in problem.members.enumerated() {
      let list = lists[member.id, default: []]
      let node = problem.topics.count + place
      for topic in member.topics {
        let held = list.count { $0.topic == problem.topics[topic].id }
        let kept = (0..<problem.topics[topic].partitionCount).count {
          problem.current[PartitionID(topic: problem.topics[topic].id, index: $0)] == member.id
        }
        steps.append(Step(from: topic, to: node, cost: held < kept ? 0 : 1))
        if held > 0 { steps.append(Step(from: node, to: topic, cost: held > kept ? -1 : 0)) }
      }
      // By how much the sum of squares grows with one more, or shrinks with one less.
      steps.append(Step(from: node, to: nodeCount - 1, cost: evenness * (2 * list.count + 1)))
      if !list.isEmpty { steps.append(Step(from: nodeCount - 1, to: node, cost: -evenness * (2 * list.count - 1))) }
    }
  }

  /// Whether there is a cycle of negative cost (Bellman and Ford).
  var canImprove: Bool {
    var costs = [Int](repeating: 0, count: nodeCount)
    for _ in 0..<nodeCount {
      var isChanged = false
      for step in steps where costs[step.from] + step.cost < costs[step.to] {
        costs[step.to] = costs[step.from] + step.cost
        isChanged = true
      }
      if !isChanged { return false }
    }
    return true
  }
}
