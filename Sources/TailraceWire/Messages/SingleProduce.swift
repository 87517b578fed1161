internal import CTailraceWire
package import NIOCore

/// A ProduceRequest with one target that holds one batch, as nearly all of them do: read where it lies, without
/// protobuf-c's intermediate form and the arrays of the full message.
package struct SingleProduce: Sendable {
  package let acks: Acks
  package let topic: String
  package let partition: UInt32
  /// The batch as the full message has it, but for the fields that only the broker sets: those are 0. Its records are a
  /// slice of the message.
  package let batch: RecordBatch

  /// Nil where the message is not of that form, or there is anything odd about it: then it is to be decoded in full.
  package init?(scanning message: ByteBuffer) {
    var raw = trw_single_produce()
    let found = message.withUnsafeReadableBytes { bytes -> (topic: String, start: Int)? in
      guard let data = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
        trw_scan_single_produce(data, bytes.count, &raw), let records = raw.records
      else { return nil }
      let topic = String(decoding: UnsafeBufferPointer(start: raw.topic, count: raw.topic_length), as: UTF8.self)
      return (topic, records - data)
    }
    guard let found,
      let records = message.getSlice(at: message.readerIndex + found.start, length: raw.records_byte_count)
    else { return nil }
    acks = Acks(rawValue: Int32(raw.acks))
    topic = found.topic
    partition = raw.partition
    batch = RecordBatch(
      formatVersion: raw.format_version, recordCount: raw.record_count, lastOffsetDelta: raw.last_offset_delta,
      baseTimestampMs: raw.base_timestamp_ms, maxTimestampMs: raw.max_timestamp_ms, attributes: raw.attributes,
      producerID: raw.producer_id, producerEpoch: raw.producer_epoch, baseSequence: raw.base_sequence,
      recordsLength: raw.records_length, recordsCRC32C: raw.records_crc32c, records: records)
  }
}
