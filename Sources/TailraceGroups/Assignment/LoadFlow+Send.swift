// How partitions find their way.
extension LoadFlow {
  /// Sends as many partitions as can be from members with a surplus to members with room, at the least cost.
  ///
  /// `origin`: the potential of where all surplus comes from, no lower than that of the members that have it. Returns the
  /// potential of where all room leads to.
  mutating func send(from origin: Int) -> Int {
    var end = origin
    while let way = search(from: origin) {
      if way > 0 {
        end += way
        for node in potential.indices { potential[node] += min(distance[node], way) }
      } else {
        for node in cursor.indices { cursor[node] = places(of: node).lowerBound }
        for member in surplus.indices where distance[member] == 0 && hops[member] == 0 { sendAll(from: member) }
      }
    }
    return end
  }

  /// Whether the last search came to the node.
  func isReached(_ node: Int) -> Bool { distance[node] < .max }

  /// How far the nearest member with room is; nil where there is none. Nodes further away are left out. By distance, with
  /// a list for each (Dial's algorithm), and at the same distance by the number of steps.
  private mutating func search(from origin: Int) -> Int? {
    for node in distance.indices { distance[node] = .max }
    for node in hops.indices { hops[node] = .max }
    var lists: [[Int]] = [[]]
    for member in surplus.indices where surplus[member] > 0 {
      reach(member, distance: origin - potential[member], hops: 0, &lists)
    }
    var length = 0
    while length < lists.count {
      var next = 0
      while next < lists[length].count {
        let node = lists[length][next]
        next += 1
        // Else a shorter way was found since.
        guard distance[node] == length else { continue }
        if isMember(node) && room[node] > 0 { return length }
        for place in places(of: node) {
          guard let step = step(from: node, at: place), length + step.cost < distance[step.node] else { continue }
          reach(step.node, distance: length + step.cost, hops: hops[node] + 1, &lists)
        }
      }
      length += 1
    }
    return nil
  }

  private mutating func reach(_ node: Int, distance: Int, hops: Int, _ lists: inout [[Int]]) {
    self.distance[node] = distance
    self.hops[node] = hops
    while lists.count <= distance { lists.append([]) }
    lists[distance].append(node)
  }

  /// Sends from a member, depth first, what can go along steps that cost nothing and lead one hop further each. A step
  /// that led nowhere is not tried again before the next search.
  private mutating func sendAll(from source: Int) {
    // Subscriptions: one that gives a partition up, one that takes it, and so on.
    var way: [Int] = []
    var node = source
    while surplus[source] > 0 {
      if isMember(node) && room[node] > 0 {
        send(along: way, from: source, to: node)
        way.removeAll(keepingCapacity: true)
        node = source
      } else if let step = nextStep(from: node) {
        way.append(step.subscription)
        node = step.node
      } else if let last = way.popLast() {
        node = way.count.isMultiple(of: 2) ? subscriptions.member[last] : topicNode(subscriptions.topic[last])
        cursor[node] += 1
      } else {
        return
      }
    }
  }

  private mutating func nextStep(from node: Int) -> (node: Int, subscription: Int)? {
    let end = places(of: node).upperBound
    while cursor[node] < end {
      if let step = step(from: node, at: cursor[node]), step.cost == 0, hops[step.node] == hops[node] + 1 {
        return (step.node, step.subscription)
      }
      cursor[node] += 1
    }
    return nil
  }

  /// Sends as much as a way bears: what its ends have and take, and what each step takes at its present cost.
  private mutating func send(along way: [Int], from source: Int, to target: Int) {
    var amount = min(surplus[source], room[target])
    for (step, subscription) in way.enumerated() {
      let (held, kept) = (held[subscription], kept[subscription])
      if step.isMultiple(of: 2) {
        amount = min(amount, held > kept ? held - kept : held)
      } else if held < kept {
        amount = min(amount, kept - held)
      }
    }
    for (step, subscription) in way.enumerated() { hold(step.isMultiple(of: 2) ? -amount : amount, of: subscription) }
    surplus[source] -= amount
    load[source] -= amount
    room[target] -= amount
    load[target] += amount
  }
}

// MARK: - Nodes and steps

extension LoadFlow {
  private func isMember(_ node: Int) -> Bool { node < load.count }

  private func topicNode(_ topic: Int) -> Int { load.count + topic }

  /// Where the ways on from a node are listed: of a member those to topics that it has partitions of, of a topic all.
  private func places(of node: Int) -> Range<Int> {
    isMember(node) ? holdings[node].indices : subscriptions.ofTopic(node - load.count)
  }

  /// The step that a partition can take from a node over one of the node's subscriptions, and what it costs beyond what
  /// the potentials say: 0 or more. Nil where it would leave the block.
  private func step(from node: Int, at place: Int) -> (node: Int, subscription: Int, cost: Int)? {
    if isMember(node) {
      let subscription = holdings[node][place]
      let target = topicNode(subscriptions.topic[subscription])
      let cost = held[subscription] > kept[subscription] ? -1 : 0
      return (target, subscription, cost + potential[node] - potential[target])
    }
    let target = subscriptions.member[place]
    guard blocks.ofMember[target] == blocks.ofTopic[node - load.count] else { return nil }
    let cost = held[place] < kept[place] ? 0 : 1
    return (target, place, cost + potential[node] - potential[target])
  }
}
