import NIOCore
import TailraceStorage
import TailraceWire
import Testing

@testable import TailraceBroker

/// Batches from which compaction has taken every record: readers go on behind them.
@Suite struct EmptyBatchTests {
  private func decoded(_ batches: [ByteBuffer], from start: Int64) -> RecordDecoder {
    let bounds = PartitionBounds(
      logStart: .zero, highWatermark: Offset(20), durableEnd: Offset(20), logEnd: Offset(20), partitionEpoch: 0)
    var decoder = RecordDecoder(
      from: Offset(start), maxBytes: 1_000, maxRecordBytes: 1_000, decompressionBudget: 1 << 20, isFirst: true)
    decoder.decode(
      ReadResult(
        chunks: batches.map { .bytes($0) }, byteCount: batches.reduce(0) { $0 + $1.readableBytes }, bounds: bounds))
    return decoder
  }

  private func batch(at base: Int64, emptied: Bool, compression: Compression = .zstd) throws -> ByteBuffer {
    var builder = RecordSetBuilder(baseTimestampMs: 1_000)
    for _ in 0..<10 { builder.append(key: nil, value: ByteBuffer(string: "v"), timestampMs: 1_000) }
    let built = try builder.build(compression: compression)
    var header = built.header
    header.baseOffset = Offset(base)
    var bytes = ByteBuffer()
    if emptied { header.emptied().write(to: &bytes) } else { header.write(to: &bytes) }
    if !emptied { bytes.writeImmutableBuffer(built.records) }
    return bytes
  }

  @Test func `a read of nothing but an empty batch goes on behind it`() throws {
    let decoder = decoded([try batch(at: 0, emptied: true)], from: 3)
    #expect(decoder.records.isEmpty && decoder.failure == nil && decoder.nextOffset == Offset(10))
  }

  @Test func `records behind an empty batch are found`() throws {
    let decoder = decoded([try batch(at: 0, emptied: true), try batch(at: 10, emptied: false)], from: 3)
    #expect(decoder.records.map(\.offset) == Array(10..<20) && decoder.nextOffset == Offset(20))
  }
}
