internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// Takes plain records out of what was read from one partition: none below the offset asked for, no more than fit.
struct RecordDecoder {
  private(set) var records: [FetchedRecord] = []
  /// Where to go on reading.
  private(set) var nextOffset: Offset
  /// Bytes of the records taken.
  private(set) var byteCount = 0
  /// What went wrong; only where nothing could be taken.
  private(set) var failure: PartitionFailure?
  /// Bytes that may still be decompressed for this response; 0 once they did not suffice.
  private(set) var decompressionBudget: Int

  /// What one response may decompress: as much as the largest batch.
  static let maxDecompressedBytes = 64 << 20

  private let start: Offset
  private let maxBytes: Int
  private let maxRecordBytes: Int
  private let isFirst: Bool

  /// `isFirst`: nothing was taken for this response yet, so one record is, also when it is larger than `maxBytes`, but
  /// never one above `maxRecordBytes`.
  init(from start: Offset, maxBytes: Int, maxRecordBytes: Int, decompressionBudget: Int, isFirst: Bool) {
    self.start = start
    self.maxBytes = maxBytes
    self.maxRecordBytes = maxRecordBytes
    self.decompressionBudget = decompressionBudget
    self.isFirst = isFirst
    nextOffset = start
  }

  mutating func decode(_ result: ReadResult) {
    do throws(RecordBatchError) {
      var batches = result.batchReaders
      while var batch = try next(&batches) {
        guard try take(&batch) else { return }
        if let end = batch.header.nextOffset { nextOffset = max(nextOffset, end) }
      }
    } catch {
      // What came before a fault is good; the next call begins at it, and tells of it.
      if records.isEmpty { failure = PartitionFailure(error) }
    }
  }

  /// The next batch, nil where there is none or where it is too much for what may still be decompressed.
  private mutating func next(_ batches: inout BatchReaders) throws(RecordBatchError) -> RecordBatchReader? {
    do throws(RecordBatchError) {
      let batch = try batches.next(maxDecompressedBytes: decompressionBudget)
      decompressionBudget -= batch?.decompressedByteCount ?? 0
      return batch
    } catch {
      // Too much for what is left of this response is not too much for the next one.
      guard error.code == .batchTooLarge, decompressionBudget < Self.maxDecompressedBytes else { throw error }
      decompressionBudget = 0
      return nil
    }
  }

  /// False: no room for more.
  private mutating func take(_ batch: inout RecordBatchReader) throws(RecordBatchError) -> Bool {
    while let record = try batch.next() {
      guard record.offset >= start else { continue }
      let size = record.byteCount
      guard byteCount + size <= maxBytes || (isFirst && records.isEmpty) else { return false }
      guard size <= maxRecordBytes else {
        throw RecordBatchError(
          .batchTooLarge,
          "the record at offset \(record.offset) has \(size) bytes once decompressed, too many for one response:"
            + " fetch without decode")
      }
      byteCount += size
      nextOffset = record.offset.advanced(by: 1) ?? record.offset
      records.append(
        FetchedRecord(
          offset: record.offset.rawValue, timestampMs: record.timestampMs, key: record.key, value: record.value,
          headers: record.headers))
    }
    return true
  }
}

extension StoredRecord {
  /// Bytes that the record takes in a response, at most.
  fileprivate var byteCount: Int {
    let framing = 8
    let headerBytes = headers.reduce(0) { $0 + $1.key.utf8.count + ($1.value?.readableBytes ?? 0) + 3 * framing }
    return (key?.readableBytes ?? 0) + (value?.readableBytes ?? 0) + headerBytes + 6 * framing
  }
}
