internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// A log in which the broker keeps something for itself: one compacted partition of records with keys, each fsynced before
/// it counts. Its topic is shown to everybody and changed by nobody else.
struct InternalLog: Sendable {
  private static let readBytes = 1 << 20
  /// A batch is ended once it has this many bytes.
  private static let batchBytes = 256 << 10

  /// Name, id and configuration.
  let topic: Topic
  private let store: any LogStore
  private let clock: any WallClock

  private var partition: PartitionID { topic.partition(0) }

  /// Opens the log, and creates it where it is not there yet. `id`: its own, for it cannot be looked up. `mayUseReserve`:
  /// whether it may grow where the disk is full for all else.
  init(
    _ name: String, id: TopicID, mayUseReserve: Bool, store: any LogStore, clock: any WallClock
  ) async throws(StorageError) {
    guard let topicName = try? TopicName(name) else { throw StorageError(.incompatible, "'\(name)' is no topic name") }
    // Small segments: only finished ones are compacted, and what is not is read at every start.
    let config = TopicConfig(
      stored: [
        ConfigEntry(name: "cleanup_policy", value: "compact"), ConfigEntry(name: "segment_bytes", value: "16777216"),
        // What a member of a group with very many partitions has is one record.
        ConfigEntry(name: "max_batch_bytes", value: "\(TopicConfig.maxBatchBytesCeiling)"),
      ], defaults: .none)
    topic = Topic(name: topicName, id: id, partitionCount: 1, config: config, createdAtMs: 0)
    self.store = store
    self.clock = clock
    var log = config.log
    log.mayUseReserve = mayUseReserve
    try await store.create([partition], topicName: name, config: log, fence: .local)
  }

  /// Appends records; few enough for one batch are stored all or none. Of more the first batches may be stored where it
  /// fails, never a later one without all before it. No value: a tombstone. `completion` is told nil once they are on disk.
  func append(
    _ records: [(key: String, value: ByteBuffer?)], completion: @escaping @Sendable (StorageError?) -> Void
  ) {
    do throws(RecordBatchError) {
      append(try batches(records)[...], completion: completion)
    } catch { completion(StorageError(.batchTooLarge, error.message)) }
  }

  /// Each once the one before is on disk.
  private func append(
    _ batches: ArraySlice<ValidatedBatch>, completion: @escaping @Sendable (StorageError?) -> Void
  ) {
    guard let batch = batches.first else { return completion(nil) }
    let request = AppendRequest(partition: partition, batch: batch, durability: .durable) { outcome in
      if let failure = outcome.failure {
        completion(failure)
      } else {
        append(batches.dropFirst(), completion: completion)
      }
    }
    store.append([request], fence: .local)
  }

  /// The same.
  func append(_ records: [(key: String, value: ByteBuffer?)]) async throws(StorageError) {
    let failure = await withCheckedContinuation { continuation in
      append(records) { continuation.resume(returning: $0) }
    }
    if let failure { throw failure }
  }

  private func batches(
    _ records: [(key: String, value: ByteBuffer?)]
  ) throws(RecordBatchError) -> [ValidatedBatch] {
    let now = clock.nowMs()
    var batches: [ValidatedBatch] = []
    var builder = RecordSetBuilder(baseTimestampMs: now)
    var byteCount = 0
    for (index, record) in records.enumerated() {
      builder.append(key: ByteBuffer(string: record.key), value: record.value, timestampMs: now)
      byteCount += record.key.utf8.count + (record.value?.readableBytes ?? 0) + 16
      guard byteCount >= Self.batchBytes || index == records.count - 1 else { continue }
      batches.append(try builder.build())
      builder = RecordSetBuilder(baseTimestampMs: now)
      byteCount = 0
    }
    return batches
  }

  /// Hands over all records, in their order.
  func replay(
    _ apply: (_ key: String, _ value: ByteBuffer?, _ offset: Offset) throws(RecordBatchError) -> Void
  ) async throws(StorageError) {
    var offset = try store.bounds(of: partition).logStart
    while true {
      let result = try await read(from: offset)
      guard let next = try hand(result, from: offset, to: apply), next < result.bounds.highWatermark else { return }
      offset = next
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
    case nil: throw StorageError(.inputOutput, "no outcome for a read of \(topic.name)")
    }
  }

  /// Where to read on; nil where there was nothing.
  private func hand(
    _ result: ReadResult, from offset: Offset,
    to apply: (String, ByteBuffer?, Offset) throws(RecordBatchError) -> Void
  ) throws(StorageError) -> Offset? {
    do throws(RecordBatchError) {
      var next: Offset?
      var batches = result.batchReaders
      while var batch = try batches.next() {
        while let record = try batch.next() {
          guard let key = record.key else { continue }
          try apply(String(buffer: key), record.value, record.offset)
        }
        next = batch.header.nextOffset
      }
      return next
    } catch { throw StorageError(.dataLoss, "\(topic.name): \(error.message)") }
  }
}

extension AppendOutcome {
  /// Why the batch is not stored, or not known to be.
  fileprivate var failure: StorageError? {
    switch self {
    case .appended, .duplicate: nil
    case .refused(let error), .unknown(let error): error
    }
  }
}
