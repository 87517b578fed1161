package import Logging
package import TailraceStorage
package import TailraceWire

/// Creates, grows and deletes topics, one change after the other, and keeps table, metadata and storage in step.
///
/// The metadata record comes first: what it says is what is there after a crash, and storage is brought in line at start.
package actor TopicRegistry {
  package static let maxPartitions: UInt32 = 10_000

  package nonisolated let table: TopicTable
  private let metadata: any MetadataStore
  private let store: any LogStore
  private let clock: any WallClock
  private let logger: Logger
  private var lastChange: Task<Void, Never>?
  private var deletedNames: Set<String> = []

  /// Loads what topics there are and opens their partitions.
  package init(
    table: TopicTable, metadata: any MetadataStore, store: any LogStore, clock: any WallClock, logger: Logger
  ) async throws(RPCError) {
    self.table = table
    self.metadata = metadata
    self.store = store
    self.clock = clock
    self.logger = logger
    try await load()
  }

  private func load() async throws(RPCError) {
    for topic in metadata.ownTopics { table.set(topic) }
    do throws(StorageError) {
      let snapshot = try await metadata.load()
      deletedNames = snapshot.deletedNames
      for record in snapshot.topics.values {
        guard let topic = topic(from: record) else {
          throw StorageError(.dataLoss, "the metadata of topic '\(record.name)' makes no sense")
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
        try await registry.metadata.remove(topicNamed: name)
        registry.table.remove(named: name)
        try await registry.store.drop(topic: topic.id, fence: .local)
      } catch { throw RPCError(error) }
      registry.logger.info("topic deleted", metadata: ["topic": "\(name)", "topicID": "\(topic.id)"])
    }
  }

  /// Drops what is left in storage of topics that were deleted when the broker last stopped. What the metadata knows nothing
  /// of is left alone: it may be the only copy of something.
  package func dropLeftovers(_ found: [(name: String, id: TopicID)]) async throws(StorageError) {
    for leftover in found where table.topic(named: leftover.name)?.id != leftover.id {
      guard leftover.id != LogMetadataStore.topicID else { continue }
      guard deletedNames.contains(leftover.name) || table.topic(named: leftover.name) != nil else {
        logger.warning(
          "data of an unknown topic is left alone",
          metadata: ["topic": "\(leftover.name)", "topicID": "\(leftover.id)"])
        continue
      }
      logger.info("dropping what is left of a deleted topic", metadata: ["topic": "\(leftover.name)"])
      try await store.drop(topic: leftover.id, fence: .local)
    }
  }

  private func existing(_ name: String) throws(RPCError) -> Topic {
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
        try await metadata.remove(topicNamed: topic.name.text)
        // Some of the partitions may have been made.
        try await store.drop(topic: topic.id, fence: .local)
        return
      }
      try await metadata.put(undo.record)
    } catch {
      logger.error(
        "a failed change of a topic could not be taken back",
        metadata: ["topic": "\(topic.name)", "topicID": "\(topic.id)", "error": "\(error)"])
    }
  }

  /// Runs changes one after the other: an actor alone lets others in at every `await`.
  private func serially<T: Sendable>(
    _ change: @escaping @Sendable (isolated TopicRegistry) async throws(RPCError) -> T
  ) async throws(RPCError) -> T {
    let previous = lastChange
    let task = Task { [self] () -> Result<T, RPCError> in
      await previous?.value
      do throws(RPCError) { return .success(try await change(self)) } catch { return .failure(error) }
    }
    lastChange = Task { _ = await task.value }
    return try await task.value.get()
  }

  private func topic(from record: TopicRecord) -> Topic? {
    guard let name = try? TopicName(record.name), let id = TopicID(record.topicID),
      (1...Self.maxPartitions).contains(record.partitionCount), let config = try? TopicConfig(record.config)
    else { return nil }
    return Topic(
      name: name, id: id, partitionCount: record.partitionCount, config: config, createdAtMs: record.createdAtMs)
  }
}
