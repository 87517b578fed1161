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
  private static let readBytes = 1 << 20

  private let store: any LogStore
  private let clock: any WallClock
  private let partition: PartitionID
  private let config: TopicConfig

  /// Creates the log where it is not there yet.
  package init(store: any LogStore, clock: any WallClock) async throws(StorageError) {
    self.store = store
    self.clock = clock
    partition = PartitionID(topic: Self.topicID, index: 0)
    // Small segments: only finished ones are compacted, and what is not is read at every start.
    config = TopicConfig(
      stored: [
        ConfigEntry(name: "cleanup_policy", value: "compact"), ConfigEntry(name: "segment_bytes", value: "16777216"),
      ], defaults: .none)
    var log = config.log
    // Without its own books the broker could not even delete a topic to make room.
    log.mayUseReserve = true
    try await store.create([partition], topicName: Self.topicName, config: log, fence: .local)
  }

  package var ownTopics: [Topic] {
    guard let name = try? TopicName(Self.topicName) else { return [] }
    return [Topic(name: name, id: partition.topic, partitionCount: 1, config: config, createdAtMs: 0)]
  }

  package func load() async throws(StorageError) -> MetadataSnapshot {
    var snapshot = MetadataSnapshot()
    var offset = try store.bounds(of: partition).logStart
    while true {
      let result = try await read(from: offset)
      guard let next = try apply(result, to: &snapshot), next < result.bounds.highWatermark else { break }
      offset = next
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
    let now = clock.nowMs()
    var builder = RecordSetBuilder(baseTimestampMs: now)
    for record in records {
      builder.append(key: ByteBuffer(string: record.key.text), value: record.value, timestampMs: now)
    }
    let batch: ValidatedBatch
    do throws(RecordBatchError) { batch = try builder.build() } catch {
      throw StorageError(.batchTooLarge, error.message)
    }
    let outcome = await withCheckedContinuation { continuation in
      let request = AppendRequest(partition: partition, batch: batch, durability: .durable) {
        continuation.resume(returning: $0)
      }
      store.append([request], fence: .local)
    }
    switch outcome {
    case .appended, .duplicate: return
    case .refused(let error), .unknown(let error): throw error
    }
  }

  private func read(from offset: Offset) async throws(StorageError) -> ReadResult {
    let target = ReadTarget(partition: partition, offset: offset, maxBytes: Self.readBytes)
    let outcome = await withCheckedContinuation { continuation in
      store.read([target], maxBytes: Self.readBytes, form: .bytes) { continuation.resume(returning: $0.first) }
    }
    switch outcome {
    case .read(let result): return result
    case .failed(let error, _): throw error
    case nil: throw StorageError(.inputOutput, "no outcome for a read of \(Self.topicName)")
    }
  }

  /// Where to read on; nil where there was nothing.
  private func apply(_ result: ReadResult, to snapshot: inout MetadataSnapshot) throws(StorageError) -> Offset? {
    do throws(RecordBatchError) {
      var next: Offset?
      var batches = result.batchReaders
      while var batch = try batches.next() {
        try apply(&batch, to: &snapshot)
        next = batch.header.nextOffset
      }
      return next
    } catch { throw StorageError(.dataLoss, "\(Self.topicName): \(error.message)") }
  }

  private func apply(_ batch: inout RecordBatchReader, to snapshot: inout MetadataSnapshot) throws(RecordBatchError) {
    while let record = try batch.next() {
      guard let key = record.key.flatMap({ MetadataLogKey(String(buffer: $0)) }) else { continue }
      guard snapshot.apply(key, record.value) else {
        throw RecordBatchError(
          .dataLoss, "the record at offset \(record.offset) is not what belongs to its key '\(key.text.excerpt)'")
      }
    }
  }
}
