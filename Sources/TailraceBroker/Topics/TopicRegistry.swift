package import Logging
package import TailraceStorage
package import TailraceWire

/// Creates, changes and deletes topics, one change after the other, and keeps table, metadata and storage in step.
///
/// The metadata record comes first: what it says is what is there after a crash, and storage is brought in line at start.
package actor TopicRegistry {
  package static let maxPartitions: UInt32 = 10_000

  package nonisolated let table: TopicTable
  /// The broker's layer of every topic's configuration.
  package nonisolated let defaults: TopicDefaults
  let metadata: any MetadataStore
  let store: any LogStore
  private let clock: any WallClock
  let logger: Logger
  private var changes = ChangeQueue()
  private var deletedNames: Set<String> = []
  private var dropping: [TopicID: String] = [:]

  /// Takes over what topics there are, and opens their partitions.
  package init(
    table: TopicTable, metadata: any MetadataStore, snapshot: MetadataSnapshot, defaults: TopicDefaults,
    store: any LogStore, clock: any WallClock, logger: Logger
  ) async throws(RPCError) {
    self.table = table
    self.defaults = defaults
    self.metadata = metadata
    self.store = store
    self.clock = clock
    self.logger = logger
    try await load(snapshot)
  }

  private func load(_ snapshot: MetadataSnapshot) async throws(RPCError) {
    for topic in metadata.ownTopics { table.set(topic) }
    deletedNames = snapshot.deletedNames
    dropping = snapshot.dropping
    do throws(StorageError) {
      for record in snapshot.topics.values {
        guard let topic = topic(from: record) else {
          throw StorageError(.dataLoss, "the metadata of topic '\(record.name)' makes no sense")
        }
        for entry in topic.config.notUnderstood {
          logger.warning(
            "a setting is not understood, and kept; perhaps a later release set it",
            metadata: ["topic": "\(topic.name)", "setting": "\(entry.name.excerpt)", "value": "\(entry.value.excerpt)"])
        }
        try await store.create(topic.partitions, topicName: topic.name.text, config: topic.config.log, fence: .local)
        table.set(topic)
      }
    } catch { throw RPCError(error) }
  }

  /// Makes a topic. ALREADY_EXISTS, INVALID_ARGUMENT where it cannot be.
  package func create(
    name: TopicName, partitionCount: UInt32, config: TopicConfig, validateOnly: Bool
  ) async throws(RPCError) -> Topic {
    try await serially { registry throws(RPCError) in
      guard registry.table.topic(named: name.text) == nil else {
        throw RPCError(.alreadyExists, "topic '\(name)' exists already", error: .topicExists)
      }
      var generator = SystemRandomNumberGenerator()
      let topic = Topic(
        name: name, id: .random(using: &generator), partitionCount: partitionCount, config: config,
        createdAtMs: registry.clock.nowMs())
      guard !validateOnly else { return topic }
      try await registry.publish(topic, creating: topic.partitions, undo: nil)
      return topic
    }
  }

  /// Adds partitions to a topic.
  package func grow(name: String, to partitionCount: UInt32, validateOnly: Bool) async throws(RPCError) -> Topic {
    try await serially { registry throws(RPCError) in
      let topic = try registry.existing(name)
      guard partitionCount > topic.partitionCount, partitionCount <= Self.maxPartitions else {
        throw RPCError(
          .invalidArgument,
          "topic '\(name)' has \(topic.partitionCount) partitions; the new count must be above that and at most"
            + " \(Self.maxPartitions), not \(partitionCount)")
      }
      let grown = topic.grown(to: partitionCount)
      guard !validateOnly else { return grown }
      try await registry.publish(
        grown, creating: Array(grown.partitions.dropFirst(Int(topic.partitionCount))), undo: topic)
      return grown
    }
  }

  /// Deletes a topic. `expectedID` nil: whatever its id.
  package func delete(name: String, expectedID: TopicID?) async throws(RPCError) {
    try await serially { registry throws(RPCError) in
      let topic = try registry.existing(name)
      guard expectedID == nil || expectedID == topic.id else {
        throw RPCError(.failedPrecondition, "topic '\(name)' has another id: \(topic.id)", error: .unknownTopicID)
      }
      do throws(StorageError) {
        try await registry.metadata.remove(topic.record)
        registry.table.remove(named: name)
        try await registry.drop(topic.id)
      } catch { throw RPCError(error) }
      registry.logger.info("topic deleted", metadata: ["topic": "\(name)", "topicID": "\(topic.id)"])
    }
  }

  /// Drops what is left in storage of topics that were deleted when the broker last stopped. What the metadata knows nothing
  /// of is left alone: it may be the only copy of something.
  package func dropLeftovers(_ found: [(name: String, id: TopicID)]) async throws(StorageError) {
    for leftover in found where table.topic(named: leftover.name)?.id != leftover.id {
      guard leftover.id != LogMetadataStore.topicID else { continue }
      guard isDeleted(leftover.name, leftover.id) else {
        logger.warning(
          "data of an unknown topic is left alone",
          metadata: ["topic": "\(leftover.name)", "topicID": "\(leftover.id)"])
        continue
      }
      logger.info("dropping what is left of a deleted topic", metadata: ["topic": "\(leftover.name)"])
      try await store.drop(topic: leftover.id, fence: .local)
    }
    // What was to be dropped and was not found is gone.
    for id in dropping.keys { await noteDropped(id) }
    dropping = [:]
  }

  /// Whether data on disk is that of a topic that was deleted: by its id, as long as that is to be dropped; else by its
  /// name, as far back as the metadata remembers.
  private func isDeleted(_ name: String, _ id: TopicID) -> Bool {
    dropping[id] != nil || deletedNames.contains(name) || table.topic(named: name) != nil
  }

  /// Drops the data of a topic of which the metadata says that it is to be dropped.
  private func drop(_ topic: TopicID) async throws(StorageError) {
    try await store.drop(topic: topic, fence: .local)
    await noteDropped(topic)
  }

  /// Where it fails, the next start drops once more what is not there.
  private func noteDropped(_ topic: TopicID) async {
    do throws(StorageError) { try await metadata.noteDropped(topic) } catch {
      logger.warning(
        "that a topic's data is gone could not be noted", metadata: ["topicID": "\(topic)", "error": "\(error)"])
    }
  }

  /// The topic that a change is about; none of the broker's own.
  func existing(_ name: String) throws(RPCError) -> Topic {
    guard let topic = table.topic(named: name) else {
      throw RPCError(.notFound, "there is no topic '\(name.excerpt)'", error: .unknownTopic)
    }
    guard !topic.name.isInternal else {
      throw RPCError(.invalidArgument, "topic '\(name)' belongs to the broker", error: .internalTopic)
    }
    return topic
  }

  /// Writes the topic's record, makes the partitions, and shows the topic. Where the partitions cannot be made, the record
  /// is taken back to `undo` (nil: no topic).
  private func publish(_ topic: Topic, creating partitions: [PartitionID], undo: Topic?) async throws(RPCError) {
    do throws(StorageError) { try await metadata.put(topic.record) } catch { throw RPCError(error) }
    do throws(StorageError) {
      try await store.create(partitions, topicName: topic.name.text, config: topic.config.log, fence: .local)
    } catch {
      await takeBack(topic, to: undo)
      throw RPCError(error)
    }
    table.set(topic)
    logger.info(
      "topic created or grown",
      metadata: ["topic": "\(topic.name)", "topicID": "\(topic.id)", "partitions": "\(topic.partitionCount)"])
  }

  /// What fails here is put right at the next start; the caller hears of the failure that led here.
  private func takeBack(_ topic: Topic, to undo: Topic?) async {
    do throws(StorageError) {
      guard let undo else {
        try await metadata.remove(topic.record)
        // Some of the partitions may have been made.
        try await drop(topic.id)
        return
      }
      try await metadata.put(undo.record)
    } catch {
      logger.error(
        "a failed change of a topic could not be taken back",
        metadata: ["topic": "\(topic.name)", "topicID": "\(topic.id)", "error": "\(error)"])
    }
  }

  /// Runs changes one after the other.
  func serially<T: Sendable>(
    _ change: @escaping @Sendable (isolated TopicRegistry) async throws(RPCError) -> T
  ) async throws(RPCError) -> T {
    try await changes.add(self, change).value.get()
  }

  private func topic(from record: TopicRecord) -> Topic? {
    guard let name = try? TopicName(record.name), let id = TopicID(record.topicID),
      (1...Self.maxPartitions).contains(record.partitionCount)
    else { return nil }
    return Topic(
      name: name, id: id, partitionCount: record.partitionCount,
      config: TopicConfig(stored: record.config, defaults: defaults), createdAtMs: record.createdAtMs)
  }
}
