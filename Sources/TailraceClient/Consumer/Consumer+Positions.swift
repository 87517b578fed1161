internal import TailraceWire

extension Consumer {
  // MARK: Commits

  /// Commits all that was handed out by now, the record or batch at hand included: the group is read from there on. Fails
  /// with NOT_OWNER, FENCED_MEMBER where a partition was lost meanwhile, with FAILED_PRECONDITION without a group or
  /// once closed.
  public func commit() async throws(TailraceError) { try await commit(engine.queue.look(\.delivered)) }

  /// Commits what lies before these offsets: each is the next one to be read. As above; all partitions must be this
  /// consumer's.
  public func commit(_ offsets: [TopicPartition: Int64]) async throws(TailraceError) {
    for (partition, offset) in offsets where offset < 0 {
      throw TailraceError(.invalidArgument, "\(partition): offset \(offset); offsets are counted from 0")
    }
    let known = engine.queue.look(\.delivered)
    try await commit(
      Dictionary(
        uniqueKeysWithValues: offsets.map { partition, offset in
          let epoch = known[partition].flatMap { offset <= $0.offset ? $0.epoch : nil }
          return (partition, ReadPosition(offset: offset, epoch: epoch))
        }))
  }

  /// Commits a record of its partition, and all before it.
  public func commit(_ record: ConsumerRecord) async throws(TailraceError) {
    try await commit([TopicPartition(record.topic, record.partition): record.offset &+ 1])
  }

  /// Commits a batch of its partition, and all before it.
  public func commit(_ batch: ConsumerBatch) async throws(TailraceError) {
    try await commit([batch.topicPartition: batch.lastOffset &+ 1])
  }

  private func commit(_ positions: [TopicPartition: ReadPosition]) async throws(TailraceError) {
    engine.queue.update { $0.markProcessed(positions) }
    try await engine.ask { $0.commit($1, positions) }
  }

  /// What the group has committed of these: the next offset to be read; of the others nothing.
  public func committed(_ partitions: [TopicPartition]) async throws(TailraceError) -> [TopicPartition: Int64] {
    guard let group = configuration.group else {
      throw TailraceError(.failedPrecondition, "a consumer without a group has committed nothing")
    }
    guard !partitions.isEmpty else { return [:] }
    let request = FetchOffsetsRequest(
      group: group,
      partitions: Dictionary(grouping: partitions, by: \.topic).sorted { $0.key < $1.key }.map { topic, partitions in
        TopicPartitions(topic: topic, partitions: partitions.map(\.number))
      })
    let response = try await client.call(.groupServiceFetchOffsets, request, as: FetchOffsetsResponse.self)
    var offsets: [TopicPartition: Int64] = [:]
    for offset in response.offsets where offset.offset >= 0 {
      offsets[TopicPartition(topic: offset.topic, partition: offset.partition)] = offset.offset
    }
    return offsets
  }

  // MARK: Places

  /// The partitions that are read, by topic and number.
  public var assignment: [TopicPartition] { engine.queue.look(\.assignment) }

  /// Hands out nothing more of these until `resume`, and fetches no more; what was fetched is kept. Of partitions that are
  /// not this consumer's nothing changes; one that goes and comes again is paused no more.
  public func pause(_ partitions: [TopicPartition]) { pause(partitions, true) }

  /// See `pause`.
  public func resume(_ partitions: [TopicPartition]) { pause(partitions, false) }

  private func pause(_ partitions: [TopicPartition], _ isPaused: Bool) {
    let changed = engine.queue.update { $0.pause(partitions, isPaused) }
    if !changed.isEmpty { engine.post(.pause(changed)) }
  }

  /// Reads a partition on elsewhere: the next record that is handed out of it lies there. Fails with NOT_OWNER where it is
  /// not this consumer's.
  public func seek(_ partition: TopicPartition, to position: StartPosition) async throws(TailraceError) {
    if case .offset(let offset) = position, offset < 0 {
      throw TailraceError(.invalidArgument, "\(partition): offset \(offset); offsets are counted from 0")
    }
    try await engine.ask { $0.seek($1, partition, to: position) }
  }

  /// The offset behind the last record of the partition that was handed out; nil where it is not this consumer's.
  public func position(_ partition: TopicPartition) -> Int64? {
    engine.queue.look { $0.delivered[partition]?.offset }
  }

  /// How many records of each partition were not handed out yet, as of its last fetch; nothing of one that was not
  /// fetched yet.
  public var lag: [TopicPartition: Int64] { engine.queue.look(\.lag) }
}

extension ConsumerConfiguration {
  fileprivate var group: String? {
    switch subscription {
    case .group(let group, _), .groupPattern(let group, _): group
    case .partitions, .topics: nil
    }
  }
}
