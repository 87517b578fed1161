package import NIOCore

internal import CTailraceWire

/// A record as it is read back from a batch.
package struct StoredRecord: Hashable, Sendable {
  package var offset: Offset
  /// Milliseconds since 1970: the producer's, or the append's where the batch says so.
  package var timestampMs: Int64
  /// Keys, values and header values are slices of the batch (or of its decompressed form).
  package var key: ByteBuffer?
  package var value: ByteBuffer?
  package var headers: [Header]
}

/// Reads the records of a stored batch one by one.
package struct RecordBatchReader: Sendable {
  package let header: RecordBatchHeader
  private let records: ByteBuffer
  private var position = 0
  private var count: UInt64 = 0
  private var nextDelta: UInt64 = 0

  /// Checks `records`' checksum and decompresses it, to at most `maxDecompressedBytes`.
  package init(
    header: RecordBatchHeader, records: ByteBuffer, maxDecompressedBytes: Int = 64 << 20
  ) throws(RecordBatchError) {
    guard CRC32C.checksum(records) == header.recordsCRC32C else {
      throw RecordBatchError(
        .dataLoss, "the batch at offset \(header.baseOffset) is damaged: its records do not match their checksum")
    }
    guard let compression = header.attributes.compression, !header.attributes.hasUnknownBits else {
      throw RecordBatchError(
        .unsupportedCompression, "the batch at offset \(header.baseOffset) has unknown attributes")
    }
    self.header = header
    self.records = try compression.decompress(records, maxBytes: maxDecompressedBytes)
  }

  private init() {
    header = RecordBatchHeader(
      baseOffset: .zero, recordCount: 0, lastOffsetDelta: 0, partitionEpoch: 0, baseTimestampMs: 0, maxTimestampMs: 0,
      appendTimestampMs: 0, attributes: BatchAttributes(rawValue: 0), producerID: 0, producerEpoch: 0, baseSequence: 0,
      durableEnd: .zero, recordsLength: 0, recordsCRC32C: 0)
    records = ByteBuffer()
  }

  /// Of no batch: it has no records.
  package static let empty = RecordBatchReader()

  /// Bytes of the records, decompressed: what the reader, and each record taken from it, keeps in memory.
  package var decompressedByteCount: Int { records.readableBytes }

  /// The next record, nil after the last one.
  package mutating func next() throws(RecordBatchError) -> StoredRecord? {
    var headers: [Header] = []
    var record = try next { count, name, value in
      if headers.isEmpty { headers.reserveCapacity(count) }
      headers.append(Header(key: name, value: value))
    }
    record?.headers = headers
    return record
  }

  /// The same, for who has a form of his own for headers: `take` is called with each, and with how many there are. The
  /// record has none.
  package mutating func next(
    _ take: (_ count: Int, _ name: String, _ value: ByteBuffer?) -> Void
  ) throws(RecordBatchError) -> StoredRecord? {
    var record = trw_record()
    var status = TRW_RECORD_END
    var result: StoredRecord?
    records.withUnsafeReadableBytes { bytes in
      guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
      var cursor = trw_record_cursor(
        position: base + position, end: base + bytes.count, count: count, next_delta: nextDelta)
      status = trw_next_record(&cursor, UInt32(BatchValidator.maxHeadersPerRecord), &record)
      guard status == TRW_RECORD_OK else { return }
      position = cursor.position - base
      count = cursor.count
      nextDelta = cursor.next_delta
      result = stored(&record, base: base, take)
    }
    if let error = RecordBatchError(status, record: count) { throw error }
    guard status == TRW_RECORD_OK else {
      guard count == UInt64(header.recordCount) else {
        throw RecordBatchError(
          .dataLoss, "the batch at offset \(header.baseOffset) holds \(count) records, not \(header.recordCount)")
      }
      return nil
    }
    guard let result else {
      throw RecordBatchError(.dataLoss, "a record of the batch at offset \(header.baseOffset) is out of its bounds")
    }
    return result
  }

  private func stored(
    _ record: inout trw_record, base: UnsafePointer<UInt8>, _ take: (Int, String, ByteBuffer?) -> Void
  ) -> StoredRecord? {
    let (created, overflow) = header.baseTimestampMs.addingReportingOverflow(record.timestamp_delta_ms)
    guard !overflow, record.offset_delta <= header.lastOffsetDelta,
      let offset = header.baseOffset.advanced(by: Int64(record.offset_delta))
    else { return nil }
    if record.header_count > 0 {
      let count = Int(record.header_count)
      var header = trw_header()
      while trw_next_header(&record, &header) {
        let key = String(decoding: UnsafeBufferPointer(start: header.key, count: header.key_length), as: UTF8.self)
        take(count, key, slice(header.value, header.value_length, base))
      }
    }
    return StoredRecord(
      offset: offset, timestampMs: self.header.attributes.hasAppendTimestamps ? self.header.appendTimestampMs : created,
      key: slice(record.key, record.key_length, base), value: slice(record.value, record.value_length, base),
      headers: [])
  }

  private func slice(_ start: UnsafePointer<UInt8>?, _ length: Int, _ base: UnsafePointer<UInt8>) -> ByteBuffer? {
    guard let start else { return nil }
    return records.getSlice(at: records.readerIndex + (start - base), length: length)
  }
}
