internal import NIOCore
internal import TailraceWire

// What users ask.
extension ConsumerMachine {
  // MARK: Commits

  /// Commits these; tells whoever asked when that is done.
  mutating func commit(_ id: UInt64, _ positions: [TopicPartition: ReadPosition]) {
    guard membership != nil else {
      return answer(id, TailraceError(.failedPrecondition, "a consumer without a group has nowhere to commit to"))
    }
    if let stranger = positions.keys.first(where: { owned[$0] == nil || owned[$0]?.phase == .assigning }) {
      let isClosed = hasEnded || (isEnding && owned.isEmpty)
      return answer(
        id, isClosed ? Self.closed : TailraceError(.notOwner, "\(stranger) is not this consumer's at the moment"))
    }
    for (partition, position) in positions { ledger.wrote(partition, position) }
    commitRequests.append(CommitRequest(id: id, partitions: Set(positions.keys)))
    answerCommits()
  }

  private mutating func answer(_ id: UInt64, _ error: TailraceError?) {
    outbox.append(.answer(id, error.map { .failure($0) } ?? .success(())))
  }

  /// At once where somebody waits for it.
  var commitDueMs: Int64? {
    let isUrgent =
      !commitRequests.isEmpty || committing.contains { ledger.isUncommitted($0) }
    return isUrgent ? 0 : commitAtMs
  }

  /// Notes how far users are, where that is committed without being asked for.
  mutating func collect(_ processed: [TopicPartition: ReadPosition], nowMs: Int64) {
    guard let intervalMs = settings.commitIntervalMs else { return }
    commitAtMs = nowMs + intervalMs
    for (partition, position) in processed where owned[partition].map({ $0.phase != .assigning }) == true {
      ledger.wrote(partition, position)
    }
    answerCommits()
  }

  func commit() -> ConsumerCall? {
    guard let membership, ledger.hasUncommitted else { return nil }
    return .commit(
      CommitOffsetRequest(
        group: membership.settings.group, memberID: membership.memberID, memberEpoch: membership.epoch,
        offsets: ledger.commits()))
  }

  /// Tells those whose commits are stored.
  mutating func answerCommits() {
    for request in commitRequests where !request.partitions.contains(where: { ledger.isUncommitted($0) }) {
      answer(request.id, nil)
    }
    commitRequests.removeAll { request in !request.partitions.contains { ledger.isUncommitted($0) } }
  }

  /// Tells those who wait for commits of any of these.
  mutating func failCommits(of partitions: Set<TopicPartition>, _ error: TailraceError) {
    for request in commitRequests where !request.partitions.isDisjoint(with: partitions) { answer(request.id, error) }
    commitRequests.removeAll { !$0.partitions.isDisjoint(with: partitions) }
  }

  // MARK: Places

  /// Reads a partition on elsewhere; tells whoever asked when that is so.
  mutating func seek(_ id: UInt64, _ partition: TopicPartition, to position: StartPosition) {
    guard !isEnding else { return answer(id, Self.closed) }
    guard let phase = owned[partition]?.phase, phase == .assigning || phase == .reading else {
      return answer(id, TailraceError(.notOwner, "\(partition) is not this consumer's at the moment"))
    }
    if case .offset(let offset) = position {
      move(partition, to: .exactly(offset))
      return answer(id, nil)
    }
    seeks.append(Seek(id: id, partition: partition, to: position, isAsked: true))
  }

  func lookUp() -> ConsumerCall? {
    guard let seek = seeks.first(where: { $0.call == nil }), let topicID = owned[seek.partition]?.topicID else {
      return nil
    }
    return seek.to.query(seek.partition, topicID: topicID).map { .lookUp($0) }
  }

  mutating func found(_ offset: Int64, _ call: UInt64) {
    guard let index = seeks.firstIndex(where: { $0.call == call }) else { return }
    let seek = seeks.remove(at: index)
    move(seek.partition, to: .exactly(offset))
    answer(seek.id, nil)
  }

  mutating func failSeek(_ call: UInt64, _ error: TailraceError) {
    guard let index = seeks.firstIndex(where: { $0.call == call }) else { return }
    fail(seeks.remove(at: index), error)
  }

  /// Where nobody asked for it, whoever reads the partition is told.
  private mutating func fail(_ seek: Seek, _ error: TailraceError) {
    if seek.isAsked { answer(seek.id, error) } else { outbox.append(.fail(seek.partition, error)) }
  }

  mutating func failSeeks(of partitions: Set<TopicPartition>, _ error: TailraceError) {
    guard !seeks.isEmpty else { return }
    for seek in seeks where partitions.contains(seek.partition) { fail(seek, error) }
    seeks.removeAll { partitions.contains($0.partition) }
  }

  /// What was handed out stays; what was fetched does not.
  mutating func move(_ partition: TopicPartition, to destination: DeliveryState.Destination) {
    guard let found = owned[partition] else { return }
    if found.phase == .assigning, case .exactly(let offset) = destination {
      owned[partition]?.point.position = ReadPosition(offset: offset, epoch: nil)
      owned[partition]?.point.isStored = false
    }
    guard found.phase == .reading else { return }
    session.remove(partition)
    outbox.append(.reset(partition, destination))
  }

  /// A partition is read on from here.
  mutating func moved(_ partition: TopicPartition, to offset: Int64) {
    guard let found = owned[partition], found.phase == .reading else { return }
    session.add(PartitionCursor(partition, topicID: found.topicID, offset: offset, end: nil))
  }
}
