import NIOCore
@testable import TailraceStorage
import TailraceWire

/// What a crash may leave of a compacted partition: of each key the latest record, none that was not sent, each offset
/// once and in order; and no value whose tombstone is gone.
struct CompactedCheck {
  /// All that was ever acked, in the order of the offsets.
  let sent: [Ledger.Batch]
  let start: Int64
  let end: Int64

  func check(_ id: PartitionID, of store: LocalLogStore) async throws {
    let batches = try await store.allBatches(from: start, of: id, maxBytes: 1 << 16)
    guard (batches.last?.next ?? start) == end else { throw Violation("the log ends within a batch") }
    let sent = try sentRecords()
    var previous: LogRecord?
    var found: [String: LogRecord] = [:]
    for record in batches.records(from: start) {
      guard record.offset > previous?.offset ?? -1, let key = record.key, let original = sent[record.offset],
        original.key == key, original.value == record.value
      else { throw Violation("\(record) was not sent, or comes after \(previous.debugDescription)") }
      previous = record
      found[key] = record
    }
    for (key, last) in latest(sent) {
      let isGone = last.value == nil && found[key] == nil
      guard isGone || found[key]?.offset == last.offset else {
        throw Violation("the latest of \(key) is \(found[key].debugDescription), but \(last) was sent")
      }
    }
  }

  /// Of the offsets that are in the log, by offset.
  private func sentRecords() throws -> [Int64: LogRecord] {
    var records: [Int64: LogRecord] = [:]
    for batch in sent where batch.nextOffset > start && batch.nextOffset <= end {
      var reader = try RecordBatchReader(header: batch.sent.header, records: batch.sent.records)
      var offset = batch.baseOffset
      while let record = try reader.next() {
        records[offset] = LogRecord(
          offset: offset, timestampMs: record.timestampMs, key: record.key.map { String(buffer: $0) },
          value: record.value.map { String(buffer: $0) })
        offset += 1
      }
    }
    return records.filter { $0.key >= start }
  }

  private func latest(_ sent: [Int64: LogRecord]) -> [String: LogRecord] {
    var latest: [String: LogRecord] = [:]
    for record in sent.values {
      guard let key = record.key, record.offset > latest[key]?.offset ?? -1 else { continue }
      latest[key] = record
    }
    return latest
  }
}
