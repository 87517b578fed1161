internal import NIOCore
package import TailraceStorage
package import TailraceWire

/// The batches of a read in form `.bytes`, one after the other. Each is checked and decompressed when its turn comes: a
/// few megabytes of a log may be gigabytes once decompressed.
package struct BatchReaders {
  private var chunks: ArraySlice<Chunk>
  private var bytes = ByteBuffer()

  fileprivate init(_ chunks: [Chunk]) { self.chunks = chunks[...] }

  /// A reader for the next batch, nil after the last one. Checks header and checksum.
  package mutating func next() throws(RecordBatchError) -> RecordBatchReader? {
    while bytes.readableBytes == 0 {
      guard let chunk = chunks.popFirst() else { return nil }
      guard case .bytes(let buffer) = chunk else {
        throw RecordBatchError(.storageFailed, "a read for bytes returned a file range")
      }
      bytes = buffer
    }
    return try bytes.readBatch()
  }
}

extension ReadResult {
  /// Readers of a result in form `.bytes`.
  package var batchReaders: BatchReaders { BatchReaders(chunks) }
}

extension ByteBuffer {
  /// Takes a whole batch from the front.
  fileprivate mutating func readBatch() throws(RecordBatchError) -> RecordBatchReader {
    let parsed: Result<RecordBatchHeader, RecordBatchHeaderError> = withUnsafeReadableBytes { bytes in
      do throws(RecordBatchHeaderError) {
        return .success(try RecordBatchHeader(parsing: bytes))
      } catch { return .failure(error) }
    }
    guard case .success(let header) = parsed, readableBytes >= header.batchByteCount else {
      throw RecordBatchError(.dataLoss, "a batch header is damaged")
    }
    moveReaderIndex(forwardBy: RecordBatchHeader.byteCount)
    guard let records = readSlice(length: Int(header.recordsLength)) else {
      throw RecordBatchError(.dataLoss, "a batch is cut short")
    }
    return try RecordBatchReader(header: header, records: records)
  }
}
