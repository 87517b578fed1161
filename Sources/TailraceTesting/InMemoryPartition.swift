internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// A partition of the store in memory.
struct InMemoryPartition {
  /// Somebody who waits for the end to move past an offset.
  struct Waiter {
    var number: UInt64
    var offset: Offset
    var notify: @Sendable () -> Void
  }

  var config: LogConfig
  var batches: [(header: RecordBatchHeader, records: ByteBuffer)] = []
  var start = Offset.zero
  var end = Offset.zero
  var lastAppendTimestampMs: Int64 = 0
  var producers = ProducerState()
  var waiters: [Waiter] = []

  init(config: LogConfig) { self.config = config }

  var bounds: PartitionBounds {
    PartitionBounds(logStart: start, highWatermark: end, durableEnd: end, logEnd: end, partitionEpoch: 0)
  }

  /// Appends a batch, or says why not. Who is to be told is added to `notify`.
  mutating func append(
    _ batch: ValidatedBatch, _ admitted: AdmittedProducers, nowMs: Int64, _ notify: inout [@Sendable () -> Void]
  ) -> AppendOutcome {
    let bound = min(config.maxBatchBytes, LogConfig.maxBatchBytesCeiling)
    guard batch.byteCount <= bound else {
      return .refused(StorageError(.batchTooLarge, "a batch of \(batch.byteCount) bytes; the bound is \(bound)"))
    }
    guard batch.everyRecordHasKey || !config.requiresKeys else {
      return .refused(StorageError(.missingKey, "a record without a key; this topic takes none"))
    }
    if let refusal = admitted.refusal(of: batch.header) { return .refused(refusal) }
    switch producers.check(batch.header) {
    case .next: break
    case .duplicate(let batch, _): return .duplicate(batch)
    case .refused(let error): return .refused(error)
    }
    var header = batch.header
    lastAppendTimestampMs = max(lastAppendTimestampMs, nowMs)
    header.baseOffset = end
    header.appendTimestampMs = lastAppendTimestampMs
    header.attributes = header.attributes.withAppendTimestamps(config.hasAppendTimestamps)
    header.durableEnd = end
    guard let next = header.nextOffset else { return .refused(StorageError(.failed, "offsets are used up")) }
    batches.append((header, batch.records))
    producers.note(header)
    end = next
    notify += waiters.filter { $0.offset < next }.map(\.notify)
    waiters.removeAll { $0.offset < next }
    return .appended(AppendedBatch(baseOffset: header.baseOffset, appendTimestampMs: header.appendTimestampMs))
  }

  /// Moves the start up to `offset`, nil: to the end.
  mutating func deleteRecords(before offset: Offset?) throws(StorageError) {
    let offset = offset ?? end
    guard offset <= end else {
      throw StorageError(
        .offsetOutOfRange, "offset \(offset) is past the high watermark; the log is \(start) to \(end)")
    }
    start = max(start, offset)
    batches.removeAll { ($0.header.nextOffset ?? .zero) <= start }
  }

  /// Takes out the records for which `isKept` does not hold.
  mutating func keep(_ isKept: (Offset) -> Bool) throws(RecordBatchError) {
    for (index, batch) in batches.enumerated() where batch.header.recordCount > 0 {
      let rewriter = try RecordBatchRewriter(header: batch.header, records: batch.records)
      guard case .rewritten(let header, let records) = try rewriter.rewrite(keeping: { isKept($0.offset) }) else {
        continue
      }
      batches[index] = (header, records)
    }
  }

  /// The first record with a timestamp at or after `timestampMs`.
  func firstOffset(atOrAfter timestampMs: Int64) throws(RecordBatchError) -> TimestampedOffset? {
    for batch in batches {
      var reader = try RecordBatchReader(header: batch.header, records: batch.records)
      while let record = try reader.next() {
        guard record.offset >= start, record.timestampMs >= timestampMs else { continue }
        return TimestampedOffset(offset: record.offset, timestampMs: record.timestampMs)
      }
    }
    return nil
  }
}
