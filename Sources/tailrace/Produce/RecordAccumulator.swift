import NIOCore
import TailraceWire

/// Gathers records into one open batch per partition. A record without a partition goes where its key's hash says, one
/// without a key to the next partition in turn.
struct RecordAccumulator {
  /// Of the topic; at least 1.
  let partitionCount: UInt32
  /// A batch is closed at this many bytes, header included.
  let targetBatchBytes: Int
  /// The largest batch that the topic takes.
  let maxBatchBytes: Int
  /// Takes precedence over what records say.
  let fixedPartition: UInt32?
  let compression: Compression

  private var open: [UInt32: OpenBatch] = [:]
  private var nextPartition: UInt32
  /// Bytes of all open batches.
  private(set) var openBytes = 0
  private(set) var openRecords = 0

  private struct OpenBatch {
    var builder: RecordSetBuilder
    var lines: [Int] = []
  }

  /// `firstPartition`: where the turns of records without a key begin.
  init(
    partitionCount: UInt32, targetBatchBytes: Int, maxBatchBytes: Int, fixedPartition: UInt32?, firstPartition: UInt32,
    compression: Compression = .none
  ) {
    self.partitionCount = max(1, partitionCount)
    self.targetBatchBytes = min(targetBatchBytes, maxBatchBytes)
    self.maxBatchBytes = maxBatchBytes
    self.fixedPartition = fixedPartition
    self.compression = compression
    nextPartition = firstPartition % self.partitionCount
  }

  var isEmpty: Bool { open.isEmpty }

  /// Adds a record. Returns the batches that are full now, in the order in which they have to be sent.
  /// Throws InputError, and has not changed then.
  mutating func add(_ record: InputRecord, line: Int, nowMs: Int64) throws -> [PendingBatch] {
    try checkSize(of: record)
    let partition = try pickPartition(for: record)
    var closed: [PendingBatch] = []
    if let batch = open[partition], batch.builder.byteCount + record.maxEncodedBytes > targetBatchBytes {
      try close(partition, into: &closed)
    }
    let timestampMs = record.timestampMs ?? nowMs
    var batch =
      open.removeValue(forKey: partition)
      ?? OpenBatch(builder: RecordSetBuilder(baseTimestampMs: timestampMs))
    let before = batch.builder.isEmpty ? 0 : batch.builder.byteCount
    batch.builder.append(key: record.key, value: record.value, headers: record.headers, timestampMs: timestampMs)
    batch.lines.append(line)
    openBytes += batch.builder.byteCount - before
    openRecords += 1
    let isFull = batch.builder.byteCount >= targetBatchBytes
    open[partition] = batch
    if isFull { try close(partition, into: &closed) }
    return closed
  }

  /// Closes all open batches.
  mutating func flush() throws -> [PendingBatch] {
    var closed: [PendingBatch] = []
    for partition in open.keys.sorted() { try close(partition, into: &closed) }
    return closed
  }

  /// Before anything is changed: what was added before must not get lost with a record that is refused.
  private func checkSize(of record: InputRecord) throws(InputError) {
    guard record.maxEncodedBytes + RecordBatchHeader.byteCount > maxBatchBytes else { return }
    // The estimate is too high by some bytes: only an encoded record tells.
    var alone = RecordSetBuilder(baseTimestampMs: 0)
    alone.append(key: record.key, value: record.value, headers: record.headers, timestampMs: 0)
    guard alone.byteCount <= maxBatchBytes else {
      throw InputError(
        "a record of \(alone.byteCount - RecordBatchHeader.byteCount) bytes; a batch of this topic holds at most"
          + " \(maxBatchBytes - RecordBatchHeader.byteCount), see max_batch_bytes")
    }
  }

  private mutating func close(_ partition: UInt32, into closed: inout [PendingBatch]) throws(RecordBatchError) {
    guard let batch = open.removeValue(forKey: partition) else { return }
    openBytes -= batch.builder.byteCount
    openRecords -= Int(batch.builder.count)
    closed.append(
      PendingBatch(
        partition: partition, batch: try batch.builder.build(compression: compression), recordLines: batch.lines))
  }

  private mutating func pickPartition(for record: InputRecord) throws(InputError) -> UInt32 {
    if let partition = fixedPartition ?? record.partition {
      guard partition < partitionCount else {
        throw InputError(
          "partition \(partition) does not exist: the topic has \(partitionsText(partitionCount)), from 0 on")
      }
      return partition
    }
    if let key = record.key {
      return key.withUnsafeReadableBytes { MurmurHash2.partition(of: $0, partitionCount: partitionCount) }
    }
    defer { nextPartition = (nextPartition + 1) % partitionCount }
    return nextPartition
  }
}
