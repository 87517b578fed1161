internal import TailraceWire

// Who shall own what. The only step whose cost grows with the group: once for each change of members, subscriptions or
// partitions, of the order of its partitions and members.

extension Group {
  /// Computes anew who shall own what, in an epoch of the group that is new with this event. Only members whose own
  /// target changes hear of it.
  mutating func retarget() {
    let next = nextTarget()
    var count = 0
    for member in order {
      guard let partitions = next[member] else { continue }
      count += partitions.count
      for partition in partitions where target[partition] != member { move(partition, to: member) }
    }
    guard target.count > count else { return }
    let kept = Set(next.values.joined())
    for partition in target.keys.filter({ !kept.contains($0) }).sorted() { move(partition, to: nil) }
  }

  private func nextTarget() -> [MemberID: [PartitionID]] {
    guard !members.isEmpty else { return [:] }
    let (topics, places) = subscriptions.places()
    let candidates = order.map { id in
      AssignmentProblem.Member(id: id, topics: members[id].flatMap { places[$0.subscription] } ?? [])
    }
    return assignor.assign(AssignmentProblem(topics: topics, members: candidates, current: target))
  }

  private mutating func move(_ partition: PartitionID, to new: MemberID?) {
    if let old = target[partition] {
      members[old]?.target.remove(partition)
      if owners[partition] == old { ask(old, toLetGo: partition) }
      noteNews(for: old)
    }
    target[partition] = new
    guard let new else { return }
    members[new]?.target.insert(partition)
    noteNews(for: new)
  }

  /// What is asked for once is to be let go of, even if it is wanted back before that: a heartbeat that says so may be
  /// under way, and must not be taken for one of a later time.
  mutating func ask(_ member: MemberID, toLetGo partition: PartitionID) {
    guard let index = members.index(forKey: member) else { return }
    // The time that runs goes on: or changes of others would keep putting it off.
    guard members.values[index].lettingGo.insert(partition).inserted else { return }
    members.values[index].isUntold = true
  }

  private mutating func noteNews(for member: MemberID) {
    noteChange(of: member)
    changes.touched.append(member)
  }

  /// Whether what the members shall own is not just what there is of what they subscribe to.
  var isTargetStale: Bool {
    let expected = subscriptions.places().topics.reduce(0) { $0 + Int($1.partitionCount) }
    let held = members.values.reduce(0) { $0 + $1.target.count }
    guard target.count == expected, held == expected else { return true }
    return !target.allSatisfy { partition, owner in
      guard topics.has(partition), let member = members[owner] else { return false }
      return subscriptions.includes(partition.topic, member.subscription)
    }
  }
}
