internal import NIOCore

internal import CTailraceWire

/// Checks what a producer sent, record by record, before it is acknowledged: nothing that is stored can trip a consumer.
package struct BatchValidator: Sendable {
  /// The largest batch as stored, header included.
  package var maxBatchBytes: Int
  /// The largest record set after decompression.
  package var maxDecompressedBytes = 64 << 20
  /// Records may be stamped this far ahead of the broker's clock.
  package var maxTimestampAheadMs: Int64 = 3_600_000
  /// Headers of one record.
  package static let maxHeadersPerRecord = 256

  package init(maxBatchBytes: Int) { self.maxBatchBytes = maxBatchBytes }

  /// The batch, if all of it is in order. `nowMs`: the broker's clock, milliseconds since 1970.
  package func validate(_ batch: RecordBatch, nowMs: Int64) throws(RecordBatchError) -> ValidatedBatch {
    guard batch.formatVersion == 0 || batch.formatVersion == RecordBatchHeader.formatVersion else {
      throw RecordBatchError(
        .invalidRecord, "format_version is \(batch.formatVersion); this broker knows \(RecordBatchHeader.formatVersion)"
      )
    }
    let compression = try checkedCompression(batch)
    try checkSize(batch)
    let checksum = CRC32C.checksum(batch.records)
    guard checksum == batch.recordsCRC32C else {
      throw RecordBatchError(
        .corruptBatch, "records_crc32c is \(hex(batch.recordsCRC32C)), but the records' CRC-32C is \(hex(checksum))")
    }
    try checkProducer(batch)
    let records = try compression.decompress(batch.records, maxBytes: maxDecompressedBytes)
    let summary = try walk(records, most: batch.recordCount)
    try checkCounts(batch, summary)
    try checkTimestamps(batch, summary, nowMs: nowMs)
    return ValidatedBatch(
      header: header(of: batch), records: batch.records, everyRecordHasKey: summary.every_record_has_key)
  }

  private func checkedCompression(_ batch: RecordBatch) throws(RecordBatchError) -> Compression {
    let attributes = BatchAttributes(rawValue: batch.attributes).withAppendTimestamps(false)
    guard !attributes.hasUnknownBits else {
      throw RecordBatchError(
        .invalidRecord, "attributes \(hex(batch.attributes)) has a bit set that this broker does not know")
    }
    guard let compression = attributes.compression else {
      throw RecordBatchError(
        .unsupportedCompression,
        "compression \(batch.attributes & 0b111) is unknown: 0 none, 1 gzip, 2 lz4 and 3 zstd are known")
    }
    return compression
  }

  private func checkSize(_ batch: RecordBatch) throws(RecordBatchError) {
    let length = batch.records.readableBytes
    guard length <= maxBatchBytes - RecordBatchHeader.byteCount else {
      throw RecordBatchError(
        .batchTooLarge,
        "a batch of \(length + RecordBatchHeader.byteCount) bytes (header included); the bound is \(maxBatchBytes)")
    }
    guard batch.recordsLength == 0 || Int(batch.recordsLength) == length else {
      throw RecordBatchError(.invalidRecord, "records_length is \(batch.recordsLength), but there are \(length) bytes")
    }
  }

  private func checkProducer(_ batch: RecordBatch) throws(RecordBatchError) {
    let isPlain = batch.producerID == 0 && batch.producerEpoch == 0 && batch.baseSequence == 0
    guard isPlain || (batch.producerID > 0 && batch.baseSequence <= UInt32(Int32.max)) else {
      throw RecordBatchError(
        .invalidRecord,
        "producer_id \(batch.producerID), epoch \(batch.producerEpoch), sequence \(batch.baseSequence): ids begin at 1,"
          + " sequences are below 2^31, and without an id both are 0")
    }
  }

  /// `most`: how many there are to be. What passes that is not worth a look.
  private func walk(_ records: ByteBuffer, most: UInt32) throws(RecordBatchError) -> trw_record_summary {
    var summary = trw_record_summary()
    let status = records.withUnsafeReadableBytes { bytes in
      trw_walk_records(
        bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, UInt32(Self.maxHeadersPerRecord),
        UInt64(most), &summary)
    }
    if let error = RecordBatchError(status, record: summary.count) { throw error }
    return summary
  }

  private func checkCounts(_ batch: RecordBatch, _ summary: trw_record_summary) throws(RecordBatchError) {
    guard summary.count > 0, summary.count <= UInt64(Int32.max) else {
      throw RecordBatchError(.invalidRecord, "a batch holds at least one record")
    }
    guard summary.count == UInt64(batch.recordCount) else {
      let found = summary.count > batch.recordCount ? "more" : "\(summary.count)"
      throw RecordBatchError(.invalidRecord, "record_count is \(batch.recordCount), but there are \(found)")
    }
    guard summary.every_delta_is_position, batch.lastOffsetDelta == batch.recordCount - 1 else {
      throw RecordBatchError(
        .invalidRecord,
        "offset deltas count from 0 without gaps up to last_offset_delta \(batch.recordCount - 1), which is"
          + " \(batch.lastOffsetDelta) here")
    }
  }

  private func checkTimestamps(
    _ batch: RecordBatch, _ summary: trw_record_summary, nowMs: Int64
  ) throws(RecordBatchError) {
    let (lowest, underflow) = batch.baseTimestampMs.addingReportingOverflow(summary.min_timestamp_delta_ms)
    let (highest, overflow) = batch.baseTimestampMs.addingReportingOverflow(summary.max_timestamp_delta_ms)
    guard !underflow, !overflow, batch.baseTimestampMs >= 0, lowest >= 0 else {
      throw RecordBatchError(.invalidTimestamp, "timestamps are milliseconds since 1970-01-01, not negative")
    }
    guard highest == batch.maxTimestampMs else {
      throw RecordBatchError(
        .invalidRecord, "max_timestamp_ms is \(batch.maxTimestampMs), but the highest timestamp is \(highest)")
    }
    try checkNotAhead(highest, nowMs: nowMs)
  }

  /// Refuses a timestamp too far ahead of the broker's clock. Both in milliseconds since 1970.
  package func checkNotAhead(_ timestampMs: Int64, nowMs: Int64) throws(RecordBatchError) {
    let (bound, overflow) = nowMs.addingReportingOverflow(maxTimestampAheadMs)
    guard overflow || timestampMs <= bound else {
      let (ahead, isBeyond) = timestampMs.subtractingReportingOverflow(nowMs)
      throw RecordBatchError(
        .invalidTimestamp,
        "timestamp \(timestampMs) is \(isBeyond ? Int64.max : ahead) ms ahead of the broker's clock; the bound is"
          + " \(maxTimestampAheadMs) ms")
    }
  }

  private func header(of batch: RecordBatch) -> RecordBatchHeader {
    RecordBatchHeader(
      baseOffset: .zero, recordCount: batch.recordCount, lastOffsetDelta: batch.lastOffsetDelta, partitionEpoch: 0,
      baseTimestampMs: batch.baseTimestampMs, maxTimestampMs: batch.maxTimestampMs, appendTimestampMs: 0,
      attributes: BatchAttributes(rawValue: batch.attributes).withAppendTimestamps(false),
      producerID: batch.producerID, producerEpoch: batch.producerEpoch, baseSequence: batch.baseSequence,
      durableEnd: .zero, recordsLength: UInt32(batch.records.readableBytes), recordsCRC32C: batch.recordsCRC32C)
  }

  private func hex(_ value: UInt32) -> String { "0x" + String(value, radix: 16) }
}

extension RecordBatchError {
  /// What the walk over a record set found wrong; nil where nothing. `record`: the faulty one's position, from 0.
  init?(_ status: trw_record_status, record: UInt64) {
    let fault: String
    switch status {
    case TRW_RECORD_OK, TRW_RECORD_END: return nil
    case TRW_RECORD_TOO_MANY_HEADERS: fault = "has more than \(BatchValidator.maxHeadersPerRecord) headers"
    case TRW_RECORD_INVALID_HEADER_KEY: fault = "has a header whose key is not UTF-8, or holds a NUL"
    case TRW_RECORD_OFFSET_DELTA: fault = "has an offset_delta that does not grow"
    default: fault = "is not a well-formed tailrace.v1.Record of known fields, each at most once"
    }
    self.init(.invalidRecord, "record \(record) of the batch \(fault)")
  }
}
