import NIOCore
@testable import TailraceStorage
import TailraceWire

/// A record with what compaction and consumers go by.
struct LogRecord: Hashable, CustomStringConvertible {
  var offset: Int64
  var timestampMs: Int64
  var key: String?
  /// Nil: a tombstone.
  var value: String?

  var description: String {
    "\(offset) (\(timestampMs) ms, \(key ?? "no key"): \(value.map { "\($0.prefix(6)), \($0.utf8.count) bytes" } ?? "nil"))"
  }
}

/// A batch as it was read.
struct LogBatch: Hashable {
  var header: RecordBatchHeader
  var records: [LogRecord]

  var base: Int64 { header.baseOffset.rawValue }
  var next: Int64 { header.baseOffset.rawValue + Int64(header.lastOffsetDelta) + 1 }

  /// The header without what the model does not know, and compaction with the same records kept may do otherwise.
  var comparable: RecordBatchHeader {
    var header = header
    header.partitionEpoch = 0
    header.durableEnd = .zero
    header.recordsLength = 0
    header.recordsCRC32C = 0
    return header
  }
}

/// The batches of a read, each checked to follow the one before.
func batches(_ result: ReadResult) throws -> [LogBatch] {
  var rest = try bytes(result)
  try require(rest.readableBytes == result.byteCount, "\(rest.readableBytes) bytes are called \(result.byteCount)")
  var batches: [LogBatch] = []
  while rest.readableBytes > 0 {
    let header = try rest.withUnsafeReadableBytes { try RecordBatchHeader(parsing: $0) }
    rest.moveReaderIndex(forwardBy: RecordBatchHeader.byteCount)
    guard let stored = rest.readSlice(length: Int(header.recordsLength)) else { throw Divergence("a batch is cut off") }
    var reader = try RecordBatchReader(header: header, records: stored)
    var batch = LogBatch(header: header, records: [])
    while let record = try reader.next() {
      batch.records.append(
        LogRecord(
          offset: record.offset.rawValue, timestampMs: record.timestampMs, key: record.key.map { String(buffer: $0) },
          value: record.value.map { String(buffer: $0) }))
    }
    if let last = batches.last { try require(batch.base == last.next, "\(batch.base) follows, not \(last.next)") }
    batches.append(batch)
  }
  return batches
}

extension LogStore {
  /// All batches from the one that holds `offset` on, over as many reads as it takes.
  func allBatches(from offset: Int64, of partition: PartitionID, maxBytes: Int) async throws -> [LogBatch] {
    var all: [LogBatch] = []
    var next = offset
    while true {
      let some = try batches(try await result(from: next, of: partition, maxBytes: maxBytes))
      guard let first = some.first, let last = some.last else { return all }
      try require(
        first.base <= next && next < first.next && (all.isEmpty || first.base == next),
        "a read at \(next) begins with the batch \(first.base)..<\(first.next)")
      all += some
      next = last.next
    }
  }
}

extension [LogBatch] {
  /// Records from `start` on.
  func records(from start: Int64) -> [LogRecord] { flatMap(\.records).filter { $0.offset >= start } }
}
