package import NIOCore
package import TailraceWire

/// A batch as it was fetched: its header checked, its records neither checked nor decompressed yet.
package struct FetchedBatch: Sendable {
  package let header: RecordBatchHeader
  /// A slice of the answer that it came in.
  package let records: ByteBuffer
  /// What was asked for: from the place where the partition was fetched to the end of the batch.
  package let wanted: Range<Int64>

  package init(header: RecordBatchHeader, records: ByteBuffer, wanted: Range<Int64>) {
    self.header = header
    self.records = records
    self.wanted = wanted
  }
}
