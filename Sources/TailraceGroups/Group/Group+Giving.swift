internal import TailraceWire

// How partitions go from one member to the next, and how members hear of it.

extension Group {
  /// Gives a member what it waits for, as far as it is free; returns whether that is anything. `isFresh`: its epoch is
  /// one in which it has not been told anything yet.
  mutating func give(to id: MemberID, isFresh: Bool = false) -> Bool {
    guard let index = members.index(forKey: id), members.values[index].isWaiting else { return false }
    let free = members.values[index].target.filter { owners[$0] == nil }
    guard !free.isEmpty else { return false }
    if !isFresh { moveOn(id) }
    let epoch = members.values[index].epoch
    for partition in free {
      owners[partition] = id
      members.values[index].owned[partition] = epoch
    }
    noteChange(of: id)
    return true
  }

  /// Moves a member to an epoch that it has not had before.
  mutating func moveOn(_ id: MemberID) {
    guard let index = members.index(forKey: id) else { return }
    if members.values[index].epoch >= epoch { bumpEpoch() }
    members.values[index].previousEpoch = members.values[index].epoch
    members.values[index].epoch = epoch
    noteChange(of: id)
  }

  /// Frees partitions that their owner has let go of.
  mutating func release(_ partitions: some Collection<PartitionID>, of id: MemberID) {
    guard let index = members.index(forKey: id) else { return }
    for partition in partitions {
      members.values[index].owned[partition] = nil
      members.values[index].lettingGo.remove(partition)
      owners[partition] = nil
      if let next = target[partition] { changes.touched.append(next) }
    }
    if members.values[index].lettingGo.isEmpty {
      members.values[index].rebalanceDeadlineMs = nil
    } else if members.values[index].rebalanceDeadlineMs != nil, !partitions.isEmpty {
      // It is at it: what is left has its time from here on.
      members.values[index].rebalanceDeadlineMs = time(clockMs, plus: Int64(members.values[index].rebalanceTimeoutMs))
    }
    noteChange(of: id)
  }

  /// Answers those parked heartbeats for which there is news now.
  mutating func answerNews() {
    for id in Set(changes.touched).sorted() {
      guard let member = members[id], member.parked != nil else { continue }
      if member.isUntold || give(to: id) { answerParked(id) }
    }
  }

  /// Answers a member's parked heartbeat, if there is one.
  mutating func answerParked(_ id: MemberID) {
    guard let parked = members[id]?.parked else { return }
    members[id]?.parked = nil
    changes.answers.append(ParkedAnswer(ticket: parked.ticket, result: .success(response(to: id))))
  }

  /// What a member is told now. From here on it counts as told.
  mutating func response(to id: MemberID) -> HeartbeatResponse {
    let assignment = tell(id)
    guard let member = members[id] else { return HeartbeatResponse() }
    return HeartbeatResponse(
      memberEpoch: member.epoch, assignment: assignment, heartbeatIntervalMs: heartbeatIntervalMs(of: member))
  }

  /// The assignment as a member is told it: what it owns without what is to go, by topic. Where something is to go, its
  /// time to let go begins with the first time that it is told.
  mutating func tell(_ id: MemberID) -> [TopicPartitions] {
    guard let index = members.index(forKey: id) else { return [] }
    members.values[index].isUntold = false
    if !members.values[index].lettingGo.isEmpty, members.values[index].rebalanceDeadlineMs == nil {
      let timeout = Int64(members.values[index].rebalanceTimeoutMs)
      members.values[index].rebalanceDeadlineMs = time(clockMs, plus: timeout)
      schedule(id)
    }
    if let assignment = members.values[index].assignment { return assignment }
    let lettingGo = members.values[index].lettingGo
    let assignment = named(members.values[index].owned.keys.filter { !lettingGo.contains($0) })
    members.values[index].assignment = assignment
    return assignment
  }

  /// Partitions as they go over the wire, by topic name.
  func named(_ partitions: some Collection<PartitionID>) -> [TopicPartitions] {
    partitions.byTopic.map { topic, indices in
      TopicPartitions(topic: topics[topic]?.name ?? "", topicID: topic.bytes, partitions: indices)
    }
    .sorted { $0.topic < $1.topic }
  }

  /// Three heartbeats fit into each time-out.
  func heartbeatIntervalMs(of member: Member) -> UInt32 {
    max(1, min(limits.heartbeatIntervalMs, min(member.sessionTimeoutMs, member.rebalanceTimeoutMs) / 3))
  }

  /// Puts a member's next deadline into the queue, unless an earlier one is there.
  mutating func schedule(_ id: MemberID) {
    guard let index = members.index(forKey: id) else { return }
    let next = members.values[index].nextDeadlineMs
    if let scheduled = members.values[index].scheduledMs, scheduled <= next { return }
    members.values[index].scheduledMs = next
    deadlines.insert(id, at: next)
    guard deadlines.count > 2 * members.count + 64 else { return }
    rebuildDeadlines()
  }

  /// Drops entries of the queue that earlier ones replaced.
  private mutating func rebuildDeadlines() {
    deadlines.removeAll()
    for (id, member) in members {
      guard let scheduled = member.scheduledMs else { continue }
      deadlines.insert(id, at: scheduled)
    }
  }
}
