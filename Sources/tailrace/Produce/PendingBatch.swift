import NIOCore
import TailraceWire

/// A batch to be sent, and the lines that it came from.
struct PendingBatch: Sendable {
  let partition: UInt32
  let batch: ValidatedBatch
  /// The line of the input, counted from 1, that each record came from, in ascending order; at least one.
  let recordLines: [Int]

  /// From the first to the last line that is in it.
  var lines: ClosedRange<Int> {
    let first = recordLines.first ?? 0
    return first...max(first, recordLines.last ?? first)
  }

  var recordCount: Int { Int(batch.header.recordCount) }

  /// The same records as two batches, the first half before the second.
  func halves(_ compression: Compression) throws(RecordBatchError) -> [PendingBatch] {
    var reader = try RecordBatchReader(header: batch.header, records: batch.records)
    var halves: [PendingBatch] = []
    let middle = recordLines.count / 2
    for lines in [recordLines[..<middle], recordLines[middle...]] {
      var builder = RecordSetBuilder(baseTimestampMs: batch.header.baseTimestampMs)
      for _ in lines {
        guard let record = try reader.next() else { break }
        builder.append(key: record.key, value: record.value, headers: record.headers, timestampMs: record.timestampMs)
      }
      let half = try builder.build(compression: compression)
      halves.append(PendingBatch(partition: partition, batch: half, recordLines: Array(lines)))
    }
    return halves
  }
}
