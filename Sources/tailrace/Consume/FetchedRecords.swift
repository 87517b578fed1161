import TailraceClient
import TailraceWire

/// The wanted records of a fetched batch, one after the other. Its checksum is checked at the first.
struct FetchedRecords {
  let batch: FetchedBatch
  private var reader: RecordBatchReader?

  init(_ batch: FetchedBatch) { self.batch = batch }

  /// The next record; nil after the last one. Fails where the batch is damaged.
  mutating func next() throws(CommandFailure) -> ConsumerRecord? {
    do throws(RecordBatchError) {
      if reader == nil { reader = try RecordBatchReader(header: batch.header, records: batch.records) }
      while let record = try reader?.next() {
        guard batch.wanted.contains(record.offset.rawValue) else { continue }
        return ConsumerRecord(record, of: batch.partition)
      }
      return nil
    } catch {
      throw CommandFailure(error).with(prefix: "\(batch.partition.words): ")
    }
  }
}
