package import NIOCore

internal import CTailraceCompression

extension Compression {
  /// `records` decompressed, in at most `maxBytes`; itself where this is `.none`.
  package func decompress(_ records: ByteBuffer, maxBytes: Int) throws(RecordBatchError) -> ByteBuffer {
    guard let codec else {
      guard records.readableBytes <= maxBytes else { throw tooLarge(maxBytes) }
      return records
    }
    var output = trc_buffer()
    defer { trc_buffer_free(&output) }
    let status = records.withUnsafeReadableBytes { input in
      trc_decompress(codec, input.baseAddress?.assumingMemoryBound(to: UInt8.self), input.count, maxBytes, &output)
    }
    switch status {
    case TRC_OK: return ByteBuffer(bytes: UnsafeRawBufferPointer(start: output.data, count: output.length))
    case TRC_TOO_LARGE: throw tooLarge(maxBytes)
    case TRC_OUT_OF_MEMORY: throw RecordBatchError(.limitReached, "no memory to decompress the batch")
    default: throw RecordBatchError(.invalidRecord, "the batch's records are not well-formed \(self) data")
    }
  }

  /// `records` compressed at the codec's default level; itself where this is `.none`.
  package func compress(_ records: ByteBuffer) throws(RecordBatchError) -> ByteBuffer {
    guard let codec else { return records }
    var output = trc_buffer()
    defer { trc_buffer_free(&output) }
    let status = records.withUnsafeReadableBytes { input in
      trc_compress(codec, 0, input.baseAddress?.assumingMemoryBound(to: UInt8.self), input.count, &output)
    }
    guard status == TRC_OK else {
      throw RecordBatchError(.limitReached, "cannot compress \(records.readableBytes) bytes as \(self)")
    }
    return ByteBuffer(bytes: UnsafeRawBufferPointer(start: output.data, count: output.length))
  }

  private var codec: trc_codec? {
    switch self {
    case .none: nil
    case .gzip: TRC_CODEC_GZIP
    case .lz4: TRC_CODEC_LZ4
    case .zstd: TRC_CODEC_ZSTD
    }
  }

  private func tooLarge(_ maxBytes: Int) -> RecordBatchError {
    RecordBatchError(.batchTooLarge, "the batch's records are over \(maxBytes) bytes once decompressed")
  }
}
