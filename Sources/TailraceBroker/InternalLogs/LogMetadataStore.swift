internal import NIOCore
package import TailraceStorage
package import TailraceWire

/// Topics and producers in the internal log `__metadata`, replayed at start. Of each key the latest record counts:
///
/// | key | value | no value |
/// |---|---|---|
/// | `topic/NAME` | `TopicRecord` | the topic is deleted |
/// | `dropping/TOPIC-ID` | `TopicRecord` of a deleted topic whose data is to be dropped | it is dropped |
/// | `producer-ids` | `ProducerIDBlock` | |
/// | `producer/NAME` | `ProducerRecord` | the producer is forgotten |
///
/// The log is compacted, so the record without a value of a deleted topic goes in time. Whether data on disk is a deleted
/// topic's must not hang on it: `dropping/` says so until the data is gone, and comes in one batch with the deletion.
/// Keys of a later release are left alone.
package struct LogMetadataStore: MetadataStore {
  package static let topicName = "__metadata"
  /// The log's own id: it cannot be looked up in the log.
  package static let topicID = TopicID(high: 0, low: 1)

  private let log: InternalLog

  /// Creates the log where it is not there yet.
  package init(store: any LogStore, clock: any WallClock) async throws(StorageError) {
    // Without its own books the broker could not even delete a topic to make room.
    log = try await InternalLog(Self.topicName, id: Self.topicID, mayUseReserve: true, store: store, clock: clock)
  }

  package var ownTopics: [Topic] { [log.topic] }

  package func load() async throws(StorageError) -> MetadataSnapshot {
    var snapshot = MetadataSnapshot()
    try await log.replay { key, value, offset throws(RecordBatchError) in
      guard let logKey = MetadataLogKey(key) else { return }
      guard snapshot.apply(logKey, value) else {
        throw RecordBatchError(
          .dataLoss, "the record at offset \(offset) is not what belongs to its key '\(key.excerpt)'")
      }
    }
    return snapshot
  }

  package func put(_ topic: TopicRecord) async throws(StorageError) {
    try await append([(.topic(topic.name), try value(topic))])
  }

  package func remove(_ topic: TopicRecord) async throws(StorageError) {
    var changes: [(MetadataLogKey, ByteBuffer?)] = [(.topic(topic.name), nil)]
    if let id = TopicID(topic.topicID) { changes.append((.dropping(id), try value(topic))) }
    try await append(changes)
  }

  package func noteDropped(_ topic: TopicID) async throws(StorageError) {
    try await append([(.dropping(topic), nil)])
  }

  package func put(_ block: ProducerIDBlock) async throws(StorageError) {
    try await append([(.producerIDs, try value(block))])
  }

  package func put(_ producer: ProducerRecord) async throws(StorageError) {
    try await append([(.producer(producer.name), try value(producer))])
  }

  private func value(_ message: some WireMessage) throws(StorageError) -> ByteBuffer {
    do throws(EncodeError) { return try message.encoded() } catch {
      throw StorageError(.incompatible, "a record of \(Self.topicName) cannot be stored: \(error)")
    }
  }

  /// Appends the records in one batch: all or nothing.
  private func append(_ records: [(key: MetadataLogKey, value: ByteBuffer?)]) async throws(StorageError) {
    try await log.append(records.map { ($0.key.text, $0.value) })
  }
}
