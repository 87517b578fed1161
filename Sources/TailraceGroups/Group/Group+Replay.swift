package import NIOCore
internal import TailraceWire

extension Group {
  /// Takes in a record of this group; `value` nil: a tombstone. The latest value of each key is enough, in any order of
  /// keys. Throws `.damagedRecord` where the value is not what belongs to the key.
  package mutating func replay(_ key: GroupRecordKey, _ value: ByteBuffer?) throws(GroupError) {
    switch key {
    case .group: replaying.group = try decode(value, key)
    case .member(_, let member): replaying.members[member] = try decode(value, key)
    case .assignment(_, let member):
      let record: GroupAssignmentRecord? = try decode(value, key)
      guard record?.isSound ?? true else { throw damaged(key, "a topic_id does not have \(TopicID.byteCount) bytes") }
      replaying.assignments[member] = record
    case .offset(_, let partition):
      let record: CommittedOffsetRecord? = try decode(value, key)
      if let record, record.offset < 0 { throw damaged(key, "its offset is \(record.offset)") }
      offsets[partition] = record
    }
  }

  /// Ends the replay: mends what a torn end of the log left, and what changed in the topics meanwhile. All members'
  /// time-outs start anew.
  package mutating func replayed(now: Int64) -> GroupOutcome<Void> {
    note(now)
    epoch = replaying.group?.epoch ?? 0
    assignor = replaying.group?.assignor ?? .sticky
    for (id, record) in replaying.members.sorted(by: { $0.key < $1.key }) {
      revive(id, record, replaying.assignments[id] ?? GroupAssignmentRecord())
    }
    let isStale = !mendOwnersAndTargets() || isTargetStale
    dropGoneTopics()
    mendGroup()
    // What a member is there for has not been written: it was never told that it had joined.
    changes.removed += replaying.assignments.keys.filter { members[$0] == nil }.sorted()
    replaying = ReplayedRecords()
    if isStale { bumpEpoch() }
    // It may have been due when the broker stopped. Where it was up to date this changes nothing.
    computeTarget()
    return finish(.success(()))
  }

  private func decode<Record: WireMessage>(
    _ value: ByteBuffer?, _ key: GroupRecordKey
  ) throws(GroupError) -> Record? {
    guard let value else { return nil }
    do throws(DecodeError) { return try Record(decoding: value) } catch { throw damaged(key, "\(error)") }
  }

  private func damaged(_ key: GroupRecordKey, _ why: String) -> GroupError {
    GroupError(.damagedRecord, "the record '\(key.text.excerpt)' is damaged: \(why)")
  }

  private mutating func revive(_ id: MemberID, _ record: GroupMemberRecord, _ assignment: GroupAssignmentRecord) {
    if let twin = record.instanceID.flatMap({ instances[$0] }), let other = members[twin] {
      guard other.joinedEpoch < record.joinedEpoch else {
        changes.removed.append(id)
        return
      }
      remove(twin, replaced(twin, by: id))
    }
    let subscription = subscriptions.add(Subscription(record), topics)
    var member = Member(id: id, record, subscription: subscription)
    member.apply(assignment)
    epoch = max(epoch, max(member.epoch, member.joinedEpoch))
    member.sessionDeadlineMs = time(clockMs, plus: Int64(member.sessionTimeoutMs))
    // What it was told before the restart is not known.
    member.isUntold = true
    add(member)
    schedule(id)
  }

  /// One owner and one target for each partition, where a torn end of the log left two; false if it did. The owner that
  /// got it last keeps it.
  private mutating func mendOwnersAndTargets() -> Bool {
    var isConsistent = true
    owners = [:]
    for id in order {
      guard let member = members[id] else { continue }
      for (partition, given) in member.owned {
        var loser: MemberID?
        if let other = owners[partition], let otherGiven = members[other]?.owned[partition] {
          loser = otherGiven < given ? other : id
        }
        if loser != id { owners[partition] = id }
        guard let loser else { continue }
        members[loser]?.owned[partition] = nil
        members[loser]?.lettingGo.remove(partition)
        noteChange(of: loser)
        isConsistent = false
      }
      for partition in member.target where target[partition] != id {
        members[id]?.target.remove(partition)
        noteChange(of: id)
        isConsistent = false
      }
      for partition in member.owned.keys where members[id]?.target.contains(partition) == false {
        guard members[id]?.owned[partition] != nil, !member.lettingGo.contains(partition) else { continue }
        ask(id, toLetGo: partition)
        noteChange(of: id)
      }
    }
    return isConsistent
  }

  /// What belongs to the group itself, where its record does not fit the rest.
  private mutating func mendGroup() {
    lastCommitMs = offsets.values.reduce(.min) { max($0, $1.committedAtMs) }
    emptySinceMs = replaying.group?.emptySinceMs
    if !members.isEmpty {
      emptySinceMs = nil
    } else if emptySinceMs == nil, replaying.group != nil || !offsets.isEmpty || !replaying.members.isEmpty {
      emptySinceMs = clockMs
    }
    if exists, replaying.group != groupRecord { changes.group = true }
  }
}
