internal import DequeModule
internal import Logging
internal import NIOCore
internal import TailraceWire

// What it owns.
extension ConsumerMachine {
  /// Goes by the assignment: what is not in it any more goes.
  mutating func reconcile(nowMs: Int64) {
    let missed = missing
    let leaving = ownership.subtracting(assignment).topicIDs.keys.filter { owned[$0]?.phase == .reading }
    release(Array(leaving))
    findMissing()
    if !missing.subtracting(missed).isEmpty { positionAtMs = nowMs }
  }

  /// What goes is not begun again before it has gone.
  private mutating func findMissing() {
    missing = assignment.subtracting(ownership)
    for partition in owned.keys { missing.remove(partition) }
  }

  /// Tells users of partitions that it shall still own; they are read when that is done.
  mutating func begin(_ points: [StartingPoint], nowMs: Int64) {
    var begun: [TopicPartition] = []
    for point in points where missing.contains(point.partition, topicID: point.topicID) {
      owned[point.partition] = Owned(topicID: point.topicID, serial: nextID(), phase: .assigning, point: point)
      ownership.insert(point.partition, topicID: point.topicID)
      missing.remove(point.partition)
      membership?.ownsOther()
      begun.append(point.partition)
    }
    notify(.assigned, begun)
    // The others may not be there yet, or not any more.
    positionAtMs = missing.isEmpty ? nowMs : nowMs + Self.retryMs
  }

  private mutating func read(_ partition: TopicPartition) {
    guard let found = owned[partition] else { return }
    owned[partition]?.phase = .reading
    let (topicID, position) = (found.topicID, found.point.position)
    ledger.begin(
      partition, topicID: topicID, at: position, isStored: found.point.isStored,
      onlyWhenAsked: settings.commitIntervalMs == nil || membership == nil)
    outbox.append(.open(partition, position))
    session.pause(partition, false)
    session.add(
      PartitionCursor(partition, topicID: topicID, offset: position.offset, end: nil, lastEpoch: position.epoch))
  }

  /// Hands out nothing more of these, which are read.
  mutating func release(_ partitions: [TopicPartition]) {
    guard !partitions.isEmpty else { return }
    for partition in partitions {
      owned[partition]?.phase = .releasing
      session.remove(partition)
    }
    failSeeks(of: Set(partitions), Self.gone)
    outbox.append(.revoke(partitions))
  }

  private static let gone = TailraceError(.notOwner, "the partition is not this consumer's any more")

  /// Nobody is at work on these any more; so far they were processed.
  mutating func released(_ positions: [TopicPartition: ReadPosition]) {
    let partitions = positions.keys.filter { owned[$0]?.phase == .releasing }
    for partition in partitions {
      owned[partition]?.phase = .revoking
      if let position = positions[partition], settings.commitIntervalMs != nil, membership != nil {
        ledger.wrote(partition, position)
      }
    }
    notify(.revoked, partitions)
  }

  /// Lets go what goes, as far as it is committed.
  mutating func letGo() {
    if !committing.isEmpty { drop(committing.filter { !ledger.isUncommitted($0) }) }
  }

  private mutating func drop(_ partitions: some Collection<TopicPartition>) {
    guard !partitions.isEmpty else { return }
    for partition in partitions {
      ledger.forget(partition)
      session.remove(partition)
      owned[partition] = nil
      committing.remove(partition)
      ownership.remove(partition)
    }
    membership?.ownsOther()
    outbox.append(.close(Array(partitions)))
    failCommits(of: Set(partitions), Self.gone)
    failSeeks(of: Set(partitions), Self.gone)
    findMissing()
  }

  /// Gives up partitions that the broker does not have, or has for another member: uncommitted. Where they are still
  /// assigned they are begun anew, a little later.
  mutating func abandon(_ partitions: [TopicPartition], nowMs: Int64) {
    let known = partitions.filter { owned[$0] != nil }
    lose(known)
    drop(known)
    positionAtMs = nowMs + Self.retryMs
  }

  /// Users are told of those that they know of.
  mutating func lose(_ partitions: [TopicPartition]) {
    for index in notices.indices where notices[index].kind != .lost {
      for partition in partitions { notices[index].partitions[partition] = nil }
    }
    let revoked = noticeUnderWay?.kind == .revoked ? noticeUnderWay?.partitions ?? [:] : [:]
    notify(
      .lost,
      partitions.filter { partition in
        guard let found = owned[partition], revoked[partition] == nil else { return false }
        // Of one that is assigned this moment they are told; of one whose turn was yet to come they need not know.
        return found.phase != .assigning || noticeUnderWay?.partitions[partition] == found.serial
      })
  }

  // MARK: Callbacks

  private mutating func notify(_ kind: PartitionNotice, _ partitions: [TopicPartition]) {
    guard !partitions.isEmpty else { return }
    let serials = partitions.map { ($0, owned[$0]?.serial ?? 0) }
    notices.append(
      Notice(id: nextID(), kind: kind, partitions: Dictionary(serials, uniquingKeysWith: { first, _ in first })))
  }

  /// One callback at a time.
  mutating func notifyNext() {
    while noticeUnderWay == nil, let notice = notices.popFirst() {
      guard !notice.partitions.isEmpty else { continue }
      noticeUnderWay = notice
      outbox.append(.notify(notice.id, notice.kind, notice.partitions.keys.sorted()))
    }
  }

  /// A callback has returned.
  mutating func notified(_ id: UInt64) {
    guard let notice = noticeUnderWay, notice.id == id else { return }
    noticeUnderWay = nil
    for (partition, serial) in notice.partitions where owned[partition]?.serial == serial {
      switch (notice.kind, owned[partition]?.phase) {
      case (.assigned, .assigning): beginOrLeave(partition)
      case (.revoked, .revoking):
        owned[partition]?.phase = .committing
        committing.insert(partition)
      default: break
      }
    }
  }

  /// It may have been taken away meanwhile.
  private mutating func beginOrLeave(_ partition: TopicPartition) {
    read(partition)
    if let topicID = owned[partition]?.topicID, !assignment.contains(partition, topicID: topicID) {
      release([partition])
    }
  }

  // MARK: Membership

  /// The membership is over: nothing is owned any more, and it joins again. A static member looks first whether another
  /// one has its place: to join then would throw that one out, and so on.
  mutating func rejoin(_ why: String, nowMs: Int64) {
    for kind in ConsumerCall.Kind.allCases { cancel(kind) }
    let lost = Array(owned.keys)
    lose(lost)
    outbox.append(.close(lost))
    (owned, ownership, missing) = ([:], PartitionAssignment(), PartitionAssignment())
    committing = []
    session = FetchSession(settings.fetch)
    // At the end it is still told what is not committed.
    if !isEnding { ledger = CommitLedger() }
    membership?.end()
    let error = TailraceError(.fencedMember, why)
    for request in commitRequests { outbox.append(.answer(request.id, .failure(error))) }
    commitRequests = []
    failSeeks(of: Set(lost), error)
    guard !isEnding else { return }
    if membership?.settings.instanceID == nil { sayRejoining(why) } else { unlookedEnd = why }
    retryAtMs[.describe] = backOff(.join, nowMs: nowMs)
  }

  private mutating func sayRejoining(_ why: String) {
    outbox.append(.log(.info, "joining the group again, what was not committed will come again: \(why)"))
  }

  /// A static member has looked at the group of which it is no member any more.
  mutating func goOn(in group: DescribeGroupResponse, nowMs: Int64) {
    guard let why = unlookedEnd, let membership else { return }
    unlookedEnd = nil
    guard let successor = membership.successor(in: group) else { return sayRejoining(why) }
    let text =
      "replaced in group '\(membership.settings.group)' by another process with the same instance id,"
      + " '\(successor.instanceID ?? "")': \(successor.clientID) at \(successor.peer); if both are to run, give each an"
      + " instance id of its own"
    stop(TailraceError(.fencedMember, text), nowMs: nowMs)
  }

  /// Not at once again; returns when.
  @discardableResult
  mutating func backOff(_ kind: ConsumerCall.Kind, nowMs: Int64) -> Int64 {
    var backoff = backoffs[kind] ?? Backoff()
    backoff.fail(nowMs: nowMs, fraction: fraction(), boundMs: membership?.maxRetryMs ?? .max)
    backoffs[kind] = backoff
    retryAtMs[kind] = backoff.retryAtMs
    return backoff.retryAtMs
  }
}
