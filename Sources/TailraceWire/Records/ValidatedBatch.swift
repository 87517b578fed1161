package import NIOCore

/// A batch from a producer that passed every check (see `BatchValidator`), ready to be given offsets and stored.
///
/// Only the validator and the builder make one, so nothing unchecked can be appended.
package struct ValidatedBatch: Hashable, Sendable {
  /// The producer's fields; the broker's are zero until the append sets them.
  package let header: RecordBatchHeader
  /// A RecordSet, compressed as the header's attributes say; stored as it stands.
  package let records: ByteBuffer
  /// Whether each record has a key: compacted topics take no other.
  package let everyRecordHasKey: Bool

  init(header: RecordBatchHeader, records: ByteBuffer, everyRecordHasKey: Bool) {
    self.header = header
    self.records = records
    self.everyRecordHasKey = everyRecordHasKey
  }

  /// Bytes that the batch takes in a segment.
  package var byteCount: Int { header.batchByteCount }

  /// The same batch as one of a producer: with its id, its epoch, and its number of the first record.
  package func from(producerID: Int64, epoch: UInt32, sequence: UInt32) -> ValidatedBatch {
    var header = header
    (header.producerID, header.producerEpoch, header.baseSequence) = (producerID, epoch, sequence)
    return ValidatedBatch(header: header, records: records, everyRecordHasKey: everyRecordHasKey)
  }
}
