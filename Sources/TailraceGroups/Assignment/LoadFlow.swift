/// Partitions on their way from members that read too many to members that read too few, at the least cost.
///
/// A partition goes from a member over its subscription to the topic, and on over another subscription to another member.
/// Each partition of a topic that a member gets beyond those that it has kept costs 1; giving it up again pays that back.
/// This is a minimum-cost flow. It goes by successive shortest paths: potentials (Johnson's) make all costs 0 or more, a
/// search finds how far it is to the nearest member that has room, and then as much as possible is sent along all
/// shortest ways at once (Dinic's blocking flow). Lengths and sums of costs are bounded by the number of partitions, so
/// there are few distinct lengths, and few rounds.
///
/// Nodes are the members, then the topics. A plain value.
struct LoadFlow {
  let subscriptions: Subscriptions
  /// A partition is never sent from one block to another.
  var blocks: LoadBlocks
  /// Of each subscription: so many partitions cost nothing.
  let kept: [Int]
  /// Of each subscription: how many partitions of the topic the member reads.
  private(set) var held: [Int]
  /// Of each member: the subscriptions by which it reads anything.
  private(set) var holdings: [[Int]]
  /// Of each member: how many partitions it reads.
  var load: [Int]
  /// Of each member: how many partitions it is to give up.
  var surplus: [Int]
  /// Of each member: how many partitions it may take. None where there is a surplus.
  var room: [Int]
  /// Of each node: what the cheapest way there costs, up to now.
  var potential: [Int]
  /// Of each node, in the last search: what the way there costs beyond what the potentials say; .max where there is none.
  var distance: [Int]
  /// Of each node, in the last search: the number of steps.
  var hops: [Int]
  /// Of each node: where to look for the next step on.
  var cursor: [Int]

  /// Hands out all partitions: `kept` as it is, and each of the rest to the member that then reads the least.
  ///
  /// `counts`: how many partitions each topic has. `kept`: how many of a topic's a member has, by subscription, all inside
  /// the blocks; nil: none, and nothing costs anything.
  init(_ counts: [Int], _ subscriptions: Subscriptions, in blocks: LoadBlocks, kept: [Int]?) {
    self.subscriptions = subscriptions
    self.blocks = blocks
    self.kept = kept ?? [Int](repeating: .max, count: subscriptions.count)
    held = [Int](repeating: 0, count: subscriptions.count)
    holdings = [[Int]](repeating: [], count: subscriptions.memberCount)
    load = [Int](repeating: 0, count: subscriptions.memberCount)
    surplus = load
    room = load
    // All topics are as near as can be, and all members one partition that moves further on.
    potential = [Int](repeating: kept == nil ? 0 : 1, count: subscriptions.memberCount)
    potential += repeatElement(0, count: counts.count)
    distance = [Int](repeating: .max, count: potential.count)
    hops = distance
    cursor = distance
    var free = counts
    for (subscription, count) in (kept ?? []).enumerated() where count > 0 {
      hold(count, of: subscription)
      load[subscriptions.member[subscription]] += count
      free[subscriptions.topic[subscription]] -= count
    }
    // Where there is the least choice first: then less has to be sent about.
    for topic in counts.indices.sorted(by: { subscriptions.ofTopic($0).count < subscriptions.ofTopic($1).count }) {
      handOut(free[topic], of: topic)
    }
  }

  /// Level by level, so that each topic is spread over many.
  private mutating func handOut(_ count: Int, of topic: Int) {
    let wanting = subscriptions.ofTopic(topic).filter { blocks.holds($0, of: subscriptions) }
    guard !wanting.isEmpty else { return }
    var left = count
    while left > 0 {
      let least = wanting.reduce(Int.max) { min($0, load[subscriptions.member[$1]]) }
      for subscription in wanting where left > 0 && load[subscriptions.member[subscription]] == least {
        hold(1, of: subscription)
        load[subscriptions.member[subscription]] += 1
        left -= 1
      }
    }
  }

  /// From now on `change` more partitions are read by a subscription.
  mutating func hold(_ change: Int, of subscription: Int) {
    let member = subscriptions.member[subscription]
    let before = held[subscription]
    held[subscription] += change
    if before == 0 {
      holdings[member].append(subscription)
    } else if held[subscription] == 0, let place = holdings[member].firstIndex(of: subscription) {
      holdings[member].remove(at: place)
    }
  }

  /// Sends as many partitions as can be from members above the middle of their block's loads to members below it.
  mutating func sendToMiddle() {
    for member in load.indices {
      let (least, highest) = bounds(of: member)
      let middle = highest - least > 1 ? least + (highest - least) / 2 : load[member]
      surplus[member] = max(0, load[member] - middle)
      room[member] = max(0, middle - load[member])
    }
    _ = send(from: 0)
  }

  /// Brings all loads into the bounds of their blocks, at the least cost: first no member has too many, then none too few.
  /// Has an effect once, right after the flow was made.
  mutating func moveLeast() {
    for member in load.indices {
      let (_, highest) = bounds(of: member)
      surplus[member] = max(0, load[member] - highest)
      room[member] = max(0, highest - load[member])
    }
    // All that have room are as far away as any can be: so whoever may give one up begins from there.
    let costOfRoom = send(from: 1)
    for member in load.indices {
      let (least, _) = bounds(of: member)
      surplus[member] = max(0, load[member] - least)
      room[member] = max(0, least - load[member])
    }
    _ = send(from: costOfRoom)
  }

  /// The least load of a member's block, and the highest.
  private func bounds(of member: Int) -> (Int, Int) {
    let block = blocks.ofMember[member]
    return (blocks.leastLoad[block], blocks.highestLoad[block])
  }
}
