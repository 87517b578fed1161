internal import NIOCore

extension RecordBatchHeader {
  /// The header of a batch as a fetch returns it, once its checksum was found right. The checksum of `records` is left to
  /// `RecordBatchReader`.
  package init(checking message: RecordBatch) throws(RecordBatchError) {
    let damaged = RecordBatchError(
      .dataLoss, "the batch at offset \(message.baseOffset) is damaged: its header does not match its checksum")
    guard message.formatVersion == Self.formatVersion else {
      throw RecordBatchError(.dataLoss, "a batch of format version \(message.formatVersion); this release reads 1")
    }
    guard Int(message.recordsLength) == message.records.readableBytes,
      message.records.readableBytes <= Self.maxRecordsBytes, message.baseOffset >= 0
    else { throw damaged }
    self.init(
      baseOffset: Offset(message.baseOffset), recordCount: message.recordCount,
      lastOffsetDelta: message.lastOffsetDelta, partitionEpoch: message.partitionEpoch,
      baseTimestampMs: message.baseTimestampMs, maxTimestampMs: message.maxTimestampMs,
      appendTimestampMs: message.appendTimestampMs, attributes: BatchAttributes(rawValue: message.attributes),
      producerID: message.producerID, producerEpoch: message.producerEpoch, baseSequence: message.baseSequence,
      durableEnd: Offset(message.durableEnd), recordsLength: message.recordsLength,
      recordsCRC32C: message.recordsCRC32C)
    // The checksum is over the header's one encoding.
    var bytes = ByteBuffer()
    write(to: &bytes)
    let checksum = bytes.getInteger(at: bytes.readerIndex + 107, endianness: .little, as: UInt32.self)
    guard checksum == message.headerCRC32C, nextOffset != nil else { throw damaged }
  }
}
