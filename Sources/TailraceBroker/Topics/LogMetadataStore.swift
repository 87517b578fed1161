internal import NIOCore
package import TailraceStorage
package import TailraceWire

/// Topics in the internal log `__metadata`: one record per change, key "topic/NAME", value a `TopicRecord`, no value once
/// the topic is deleted. Replayed at start.
package struct LogMetadataStore: MetadataStore {
  package static let topicName = "__metadata"
  /// The log's own id: it cannot be looked up in the log.
  package static let topicID = TopicID(high: 0, low: 1)
  private static let keyPrefix = "topic/"
  private static let readBytes = 1 << 20

  private let store: any LogStore
  private let clock: any WallClock
  private let partition: PartitionID

  /// Creates the log where it is not there yet.
  package init(store: any LogStore, clock: any WallClock) async throws(StorageError) {
    self.store = store
    self.clock = clock
    partition = PartitionID(topic: Self.topicID, index: 0)
    try await store.create([partition], topicName: Self.topicName, config: LogConfig(), fence: .local)
  }

  package var ownTopics: [Topic] {
    guard let name = try? TopicName(Self.topicName), let config = try? TopicConfig([]) else { return [] }
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
    let value: ByteBuffer
    do throws(EncodeError) { value = try topic.encoded() } catch {
      throw StorageError(.incompatible, "topic '\(topic.name)' cannot be stored: \(error)")
    }
    try await append(key: Self.keyPrefix + topic.name, value: value)
  }

  package func remove(topicNamed name: String) async throws(StorageError) {
    try await append(key: Self.keyPrefix + name, value: nil)
  }

  private func append(key: String, value: ByteBuffer?) async throws(StorageError) {
    let now = clock.nowMs()
    var builder = RecordSetBuilder(baseTimestampMs: now)
    builder.append(key: ByteBuffer(string: key), value: value, timestampMs: now)
    let batch: ValidatedBatch
    do throws(RecordBatchError) { batch = try builder.build() } catch {
      throw StorageError(.batchTooLarge, error.message)
    }
    let part = AppendPart(partition: partition, batch: batch)
    let outcome = await withCheckedContinuation { continuation in
      let request = AppendRequest(parts: [part], durability: .durable) { outcomes in
        continuation.resume(returning: outcomes.first)
      }
      store.append([request], fence: .local)
    }
    switch outcome {
    case .appended, .duplicate: return
    case .refused(let error), .unknown(let error): throw error
    case nil: throw StorageError(.inputOutput, "no outcome for a record of \(Self.topicName)")
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
      guard let key = record.key.map({ String(buffer: $0) }), key.hasPrefix(Self.keyPrefix) else { continue }
      let name = String(key.dropFirst(Self.keyPrefix.count))
      guard let value = record.value else {
        snapshot.topics[name] = nil
        snapshot.deletedNames.insert(name)
        continue
      }
      guard let topic = try? TopicRecord(decoding: value) else {
        throw RecordBatchError(.dataLoss, "the record at offset \(record.offset) is not a TopicRecord")
      }
      snapshot.topics[name] = topic
      snapshot.deletedNames.remove(name)
    }
  }
}
