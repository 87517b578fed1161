/// Which loads balanced assignments have.
///
/// They all have these in common: members and topics fall into blocks, a topic is read inside its block only, and loads in
/// a block differ by at most one. The other way round, each assignment that keeps to the blocks, and inside each to the
/// least and the highest load there, is balanced.
struct LoadBlocks: Sendable {
  /// Of each topic.
  private(set) var ofTopic: [Int]
  /// Of each member.
  private(set) var ofMember: [Int]
  /// Of each block.
  private(set) var leastLoad: [Int] = []
  /// Of each block: the least, or one more.
  private(set) var highestLoad: [Int] = []

  /// `counts`: how many partitions each topic has.
  ///
  /// From an even start, partitions are sent from members above the middle of a block's loads to those below it, as many
  /// as can be. Then those that are still above, with all that they could send to, are a block of their own. As the loads
  /// of each block span half as much as before, there are few rounds, however many partitions.
  init(_ counts: [Int], _ subscriptions: Subscriptions) {
    ofTopic = [Int](repeating: 0, count: counts.count)
    ofMember = [Int](repeating: 0, count: subscriptions.memberCount)
    leastLoad = [0]
    var flow = LoadFlow(counts, subscriptions, in: self, kept: nil)
    measure(flow.load)
    while zip(leastLoad, highestLoad).contains(where: { $1 - $0 > 1 }) {
      flow.blocks = self
      flow.sendToMiddle()
      split { flow.isReached($0) }
      measure(flow.load)
    }
  }

  /// Whether balanced assignments may use the subscription.
  func holds(_ subscription: Int, of subscriptions: Subscriptions) -> Bool {
    ofTopic[subscriptions.topic[subscription]] == ofMember[subscriptions.member[subscription]]
  }

  /// The nodes of each block for which `isApart` is true become a new block. Nodes are numbered as in `LoadFlow`.
  private mutating func split(_ isApart: (Int) -> Bool) {
    var newBlocks = [Int?](repeating: nil, count: leastLoad.count)
    var blockCount = leastLoad.count
    func block(after block: Int) -> Int {
      if let known = newBlocks[block] { return known }
      defer { blockCount += 1 }
      newBlocks[block] = blockCount
      return blockCount
    }
    for member in ofMember.indices where isApart(member) { ofMember[member] = block(after: ofMember[member]) }
    for topic in ofTopic.indices where isApart(ofMember.count + topic) { ofTopic[topic] = block(after: ofTopic[topic]) }
    leastLoad = [Int](repeating: 0, count: blockCount)
  }

  private mutating func measure(_ load: [Int]) {
    highestLoad = [Int](repeating: 0, count: leastLoad.count)
    leastLoad = [Int](repeating: .max, count: leastLoad.count)
    for (member, block) in ofMember.enumerated() {
      leastLoad[block] = min(leastLoad[block], load[member])
      highestLoad[block] = max(highestLoad[block], load[member])
    }
  }
}
