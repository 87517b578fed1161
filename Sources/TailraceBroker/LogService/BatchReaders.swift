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
  /// `maxDecompressedBytes`: BATCH_TOO_LARGE above.
  package mutating func next(maxDecompressedBytes: Int = 64 << 20) throws(RecordBatchError) -> RecordBatchReader? {
    while bytes.readableBytes == 0 {
      guard let chunk = chunks.popFirst() else { return nil }
      guard case .bytes(let buffer) = chunk else {
        throw RecordBatchError(.storageFailed, "a read for bytes returned a file range")
      }
      bytes = buffer
    }
    return try bytes.readBatch(maxDecompressedBytes)
  }
}

extension ReadResult {
  /// Readers of a result in form `.bytes`.
  package var batchReaders: BatchReaders { BatchReaders(chunks) }

  /// Behind the last batch of a result in form `.bytes`, and the partition's epoch when it was written; nil: there is none.
  var end: (offset: Offset, partitionEpoch: UInt32)? {
    var last: RecordBatchHeader?
    for chunk in chunks {
      guard case .bytes(var bytes) = chunk else { return nil }
      while case .success(let header) = bytes.batchHeader(), bytes.readableBytes >= header.batchByteCount {
        last = header
        bytes.moveReaderIndex(forwardBy: header.batchByteCount)
      }
    }
    guard let last, let next = last.nextOffset else { return nil }
    return (next, last.partitionEpoch)
  }

  /// Whether all is in memory and no batch is compressed: then reading it costs what its size says.
  package var isUncompressed: Bool {
    for chunk in chunks {
      guard case .bytes(var bytes) = chunk else { return false }
      while bytes.readableBytes > 0 {
        guard let header = try? bytes.batchHeader().get(), header.attributes.compression == Compression.none,
          bytes.readableBytes >= header.batchByteCount
        else { return false }
        bytes.moveReaderIndex(forwardBy: header.batchByteCount)
      }
    }
    return true
  }
}

extension ByteBuffer {
  /// The header of the batch at the front.
  fileprivate func batchHeader() -> Result<RecordBatchHeader, RecordBatchHeaderError> {
    withUnsafeReadableBytes { bytes in
      do throws(RecordBatchHeaderError) {
        return .success(try RecordBatchHeader(parsing: bytes))
      } catch { return .failure(error) }
    }
  }

  /// Takes a whole batch from the front.
  fileprivate mutating func readBatch(_ maxDecompressedBytes: Int) throws(RecordBatchError) -> RecordBatchReader {
    guard case .success(let header) = batchHeader(), readableBytes >= header.batchByteCount else {
      throw RecordBatchError(.dataLoss, "a batch header is damaged")
    }
    moveReaderIndex(forwardBy: RecordBatchHeader.byteCount)
    guard let records = readSlice(length: Int(header.recordsLength)) else {
      throw RecordBatchError(.dataLoss, "a batch is cut short")
    }
    return try RecordBatchReader(header: header, records: records, maxDecompressedBytes: maxDecompressedBytes)
  }
}
