package import NIOCore

internal import CTailraceWire

/// What compaction goes by. Points into its batch: not to be kept.
package struct RecordGlance {
  package let offset: Offset
  /// Nil: the record has none.
  package let key: UnsafeRawBufferPointer?
  /// Whether it has no value: it tells that the key is gone.
  package let isTombstone: Bool
}

/// Goes over the records of a stored batch, and makes the batch that stays when some are taken out.
///
/// Records that stay keep their bytes. Only one that stated no `offset_delta`, and whose predecessor is gone, gets one,
/// so a batch gets smaller by what is taken out. Compressed anew it may come out larger all the same, the more so where
/// its producer compressed harder. In memory, beside the batch: its records decompressed, twice.
package struct RecordBatchRewriter {
  package let header: RecordBatchHeader
  private let records: ByteBuffer

  /// The most that a batch's records may take decompressed: what readers take.
  package static let maxDecompressedBytes = 64 << 20

  /// What rewriting comes to.
  package enum Outcome: Hashable, Sendable {
    /// Every record stays: the batch is good as it stands.
    case unchanged
    /// The batch stays as it stands, although records were to go: what stays of it takes too much.
    case tooLarge
    /// The batch with what stays. Where nothing does it has no records, and still spans its offsets.
    case rewritten(RecordBatchHeader, ByteBuffer)
  }

  /// Where a record stands, and what is needed to write it anew.
  private struct Place {
    var range: Range<Int>
    var timestampDeltaMs: Int64
    var offsetDelta: UInt32
    var hasOffsetDelta: Bool
  }

  /// Checks `records`' checksum and decompresses it.
  package init(header: RecordBatchHeader, records: ByteBuffer) throws(RecordBatchError) {
    guard CRC32C.checksum(records) == header.recordsCRC32C else {
      throw RecordBatchError(
        .dataLoss, "the batch at offset \(header.baseOffset) is damaged: its records do not match their checksum")
    }
    guard let compression = header.attributes.compression, !header.attributes.hasUnknownBits else {
      throw RecordBatchError(
        .unsupportedCompression, "the batch at offset \(header.baseOffset) has unknown attributes")
    }
    self.header = header
    self.records = try compression.decompress(records, maxBytes: Self.maxDecompressedBytes)
  }

  /// Shows the records in order, until `body` returns false.
  package func forEach(_ body: (RecordGlance) -> Bool) throws(RecordBatchError) {
    try walk { record, _, _ in body(record) }
  }

  /// The batch with the records for which `keep` holds; asked once for each, in order. Same offsets, same codec, same
  /// fields but for counts, lengths, the highest timestamp and checksums. One whose records would be larger than before
  /// and take more than `maxBytes` as they are stored, or more than readers take decompressed, is `.tooLarge`.
  package func rewrite(
    maxBytes: Int = RecordBatchHeader.maxRecordsBytes, keeping keep: (RecordGlance) -> Bool
  ) throws(RecordBatchError) -> Outcome {
    var output = ByteBuffer()
    var isChanged = false
    var count: UInt32 = 0
    var maxDeltaMs: Int64?
    var nextDelta: UInt64 = 0
    try walk { record, place, bytes in
      guard keep(record) else {
        if !isChanged {
          isChanged = true
          output.reserveCapacity(bytes.count)
          output.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[..<place.range.lowerBound]))
        }
        return true
      }
      if isChanged {
        let content = UnsafeRawBufferPointer(rebasing: bytes[place.range])
        if place.hasOffsetDelta || UInt64(place.offsetDelta) == nextDelta {
          output.writeBytes(content)
        } else {
          output.writeRecord(content, statingDelta: place.offsetDelta)
        }
      }
      count += 1
      maxDeltaMs = max(maxDeltaMs ?? place.timestampDeltaMs, place.timestampDeltaMs)
      nextDelta = UInt64(place.offsetDelta) + 1
      return true
    }
    guard isChanged else { return .unchanged }
    guard let maxDeltaMs else { return .rewritten(header.emptied(), ByteBuffer()) }
    return try finish(output, count: count, maxDeltaMs: maxDeltaMs, maxBytes: maxBytes)
  }

  private func finish(
    _ output: ByteBuffer, count: UInt32, maxDeltaMs: Int64, maxBytes: Int
  ) throws(RecordBatchError) -> Outcome {
    let (maxTimestampMs, overflow) = header.baseTimestampMs.addingReportingOverflow(maxDeltaMs)
    guard !overflow, let compression = header.attributes.compression else { throw malformed("a timestamp too large") }
    let stored = try compression.compress(output)
    guard output.readableBytes <= Self.maxDecompressedBytes,
      stored.readableBytes <= max(min(maxBytes, RecordBatchHeader.maxRecordsBytes), Int(header.recordsLength))
    else { return .tooLarge }
    var header = header
    header.recordCount = count
    header.maxTimestampMs = maxTimestampMs
    header.recordsLength = UInt32(stored.readableBytes)
    header.recordsCRC32C = CRC32C.checksum(stored)
    return .rewritten(header, stored)
  }

  private func malformed(_ fault: String) -> RecordBatchError {
    RecordBatchError(.dataLoss, "the batch at offset \(header.baseOffset) has \(fault)")
  }

  private func walk(
    _ body: (RecordGlance, Place, UnsafeRawBufferPointer) -> Bool
  ) throws(RecordBatchError) {
    try records.withUnsafeReadableBytes { bytes throws(RecordBatchError) in
      let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      var cursor = trw_record_cursor_make(base, bytes.count)
      var record = trw_record()
      while let start = cursor.position, start != cursor.end {
        let status = trw_next_record(&cursor, UInt32(BatchValidator.maxHeadersPerRecord), &record)
        if let error = RecordBatchError(status, record: cursor.count) { throw error }
        guard let base, let end = cursor.position, record.offset_delta <= header.lastOffsetDelta,
          let offset = header.baseOffset.advanced(by: Int64(record.offset_delta))
        else { throw malformed("a record out of its bounds") }
        let glance = RecordGlance(
          offset: offset, key: record.key.map { UnsafeRawBufferPointer(start: $0, count: record.key_length) },
          isTombstone: record.value == nil)
        let place = Place(
          range: start - base..<end - base, timestampDeltaMs: record.timestamp_delta_ms,
          offsetDelta: record.offset_delta, hasOffsetDelta: record.has_offset_delta)
        guard body(glance, place, bytes) else { return }
      }
      guard cursor.count == UInt64(header.recordCount) else {
        throw malformed("\(cursor.count) records, not \(header.recordCount)")
      }
    }
  }
}

extension RecordBatchHeader {
  /// The same batch without its records. It spans its offsets, so that a reader goes on behind it.
  package func emptied() -> RecordBatchHeader {
    var header = self
    header.recordCount = 0
    header.maxTimestampMs = 0
    header.attributes = BatchAttributes(
      compression: .none, hasAppendTimestamps: attributes.hasAppendTimestamps)
    header.recordsLength = 0
    header.recordsCRC32C = 0
    return header
  }

  /// One batch without records over the offsets of two such that follow one another, of no producer. Nil where they do
  /// not, or span more than 2^31 offsets.
  package func merged(with next: RecordBatchHeader) -> RecordBatchHeader? {
    let delta = UInt64(lastOffsetDelta) + UInt64(next.lastOffsetDelta) + 1
    guard recordCount == 0, next.recordCount == 0, nextOffset == next.baseOffset, delta <= UInt64(Int32.max) else {
      return nil
    }
    return RecordBatchHeader(
      baseOffset: baseOffset, recordCount: 0, lastOffsetDelta: UInt32(delta), partitionEpoch: next.partitionEpoch,
      baseTimestampMs: 0, maxTimestampMs: 0, appendTimestampMs: next.appendTimestampMs,
      attributes: BatchAttributes(compression: .none), producerID: 0, producerEpoch: 0, baseSequence: 0,
      durableEnd: durableEnd, recordsLength: 0, recordsCRC32C: 0)
  }
}

extension ByteBuffer {
  /// Writes a RecordSet's record that states no `offset_delta`, with one. `content`: with tag and length.
  fileprivate mutating func writeRecord(_ content: UnsafeRawBufferPointer, statingDelta delta: UInt32) {
    let lengthEnd = content[1...].firstIndex { $0 & 0x80 == 0 } ?? content.startIndex
    let body = UnsafeRawBufferPointer(rebasing: content[(lengthEnd + 1)...])
    writeInteger(content[0])
    writeVarint(UInt64(body.count + 1 + Varint.byteCount(UInt64(delta))))
    writeBytes(body)
    writeInteger(0x28 as UInt8)
    writeVarint(UInt64(delta))
  }
}
