internal import NIOCore
package import TailraceStorage
package import TailraceWire

extension ReadResult {
  /// A reader for each batch of a result in form `.bytes`. Checks every header and checksum.
  package func batchReaders() throws(RecordBatchError) -> [RecordBatchReader] {
    var readers: [RecordBatchReader] = []
    for chunk in chunks {
      guard case .bytes(var bytes) = chunk else {
        throw RecordBatchError(.storageFailed, "a read for bytes returned a file range")
      }
      while bytes.readableBytes > 0 { readers.append(try bytes.readBatch()) }
    }
    return readers
  }
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
