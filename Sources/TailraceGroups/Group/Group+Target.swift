internal import TailraceWire

// Who shall own what. The only step whose cost grows with the group: of the order of its partitions, its members and the
// topics that each subscribes to.

extension Group {
  /// Members, subscriptions or partitions have changed, in an epoch of the group that is new with this event: who shall
  /// own what is computed anew. In a small group at once, else at most once per `assignmentIntervalMs`: changes that come
  /// together share it. Until then nobody shall own what is free, and who has joined waits.
  mutating func retarget() {
    let dueMs = time(targetComputedMs, plus: limits.assignmentIntervalMs)
    let size = members.count + target.count + subscriptions.subscribedTopics
    if size <= limits.promptAssignmentSize || dueMs <= clockMs { computeTarget() } else { targetDueMs = dueMs }
  }

  /// Computes anew who shall own what. Only members whose own target changes hear of it.
  mutating func computeTarget() {
    targetComputedMs = clockMs
    targetDueMs = nil
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
    let candidates = ranking.map { id in
      AssignmentProblem.Member(id: id, topics: members[id].flatMap { places[$0.subscription] } ?? [])
    }
    return assignor.assign(AssignmentProblem(topics: topics, members: candidates, current: target))
  }

  /// The members as assignors go by them: each by its instance id, where it has none by its member id. So a static member
  /// that comes back under a new member id has its old place, and gets from any assignor what it had.
  private var ranking: [MemberID] {
    guard !instances.isEmpty else { return order }
    let names = order.map { (name: (members[$0]?.instanceID ?? $0.text).utf8, id: $0) }
    return names.sorted { first, second in
      first.name.elementsEqual(second.name)
        ? first.id < second.id : first.name.lexicographicallyPrecedes(second.name)
    }
    .map(\.id)
  }

  /// Takes from a member what it shall own and does not subscribe to any more: it is told so at once, also where the rest
  /// is computed later.
  mutating func dropUnsubscribed(_ id: MemberID) {
    guard let member = members[id] else { return }
    for partition in member.target where !subscriptions.includes(partition.topic, member.subscription) {
      move(partition, to: nil)
    }
  }

  /// Changes who shall own a partition; nil: nobody. Its owner, if that is another one, is asked to let it go.
  mutating func move(_ partition: PartitionID, to new: MemberID?) {
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
