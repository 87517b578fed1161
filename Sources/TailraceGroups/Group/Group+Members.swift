internal import TailraceWire

// Who is in the group.

extension Group {
  /// The member of this id. Throws UNKNOWN_MEMBER, or FENCED_MEMBER where another has taken its place.
  func member(_ text: String) throws(GroupError) -> Member {
    if let id = MemberID(text) {
      if let member = members[id] { return member }
      if let newer = replacements[id] { throw replaced(id, by: newer) }
    }
    throw GroupError(
      .unknownMember,
      "there is no member '\(text.excerpt)' in group '\(id)': it never joined, left, or was timed out; join again")
  }

  /// What a member is told whose place another has taken.
  func replaced(_ old: MemberID, by new: MemberID) -> GroupError {
    GroupError(
      .fencedMember,
      "member '\(old)' of group '\(id)' was replaced by '\(new)', which has the same instance id; if both are to run, give"
        + " each an instance id of its own")
  }

  /// Takes in a member that is new. What it owns and shall own is noted too.
  mutating func add(_ member: Member) {
    let place = order.partitioningIndex { !($0 < member.id) }
    order.insert(member.id, at: place)
    if let instance = member.instanceID { instances[instance] = member.id }
    if let replaced = member.replaced { replacements[replaced] = member.id }
    // An id that comes back is no longer one that was replaced.
    replacements[member.id] = nil
    for partition in member.owned.keys { owners[partition] = member.id }
    for partition in member.target { target[partition] = member.id }
    members[member.id] = member
    emptySinceMs = nil
  }

  /// Takes a member out; what it owned is free. Whoever waits for its heartbeat gets `reason`. Targets are to be
  /// computed anew, or its place is to be filled, afterwards.
  mutating func remove(_ id: MemberID, _ reason: GroupError) {
    guard let member = members.removeValue(forKey: id) else { return }
    let place = order.partitioningIndex { !($0 < id) }
    if place < order.count, order[place] == id { order.remove(at: place) }
    if let instance = member.instanceID { instances[instance] = nil }
    if let replaced = member.replaced { replacements[replaced] = nil }
    subscriptions.remove(member.subscription)
    for partition in member.target { target[partition] = nil }
    for partition in member.owned.keys {
      owners[partition] = nil
      if let next = target[partition] { changes.touched.append(next) }
    }
    if let parked = member.parked {
      changes.answers.append(ParkedAnswer(ticket: parked.ticket, result: .failure(reason)))
    }
    changes.removed.append(id)
    guard members.isEmpty else { return }
    emptySinceMs = clockMs
    deadlines.removeAll()
  }
}

extension [MemberID] {
  /// The first place where `isBehind` holds, of ids for which it holds from there on.
  func partitioningIndex(_ isBehind: (MemberID) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = low + (high - low) / 2
      if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
