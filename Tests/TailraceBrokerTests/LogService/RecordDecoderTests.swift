import NIOCore
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing
@testable import TailraceBroker

/// Fetches with `decode`: plain records.
@Suite struct RecordDecoderTests {
  @Test func `no record comes from below the offset asked for`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      _ = try await broker.produce([try batch(["a", "b", "c"]), try batch(["d"])])
      let fetched = try await broker.fetch(from: 2, decode: true)
      #expect(fetched.values == ["c", "d"])
      #expect(fetched.records.map(\.offset) == [2, 3])
      #expect(fetched.nextOffset == 4)
      #expect(fetched.batches.isEmpty)
      let end = try await broker.fetch(from: 4, decode: true)
      #expect(end.records.isEmpty)
      #expect(end.nextOffset == 4)
    }
  }

  @Test(arguments: [Compression.none, .gzip, .lz4, .zstd])
  func `max_bytes may end in the middle of a batch, and the next fetch goes on there`(
    compression: Compression
  ) async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let values = (0..<40).map { "value \($0) " + String(repeating: "x", count: 90) }
      _ = try await broker.produce([
        try batch(Array(values[..<20]), compression: compression),
        try batch(Array(values[20...]), compression: compression),
      ])
      var seen: [String] = []
      var calls = 0
      var offset: Int64 = 0
      while offset < 40, calls < 100 {
        let fetched = try await broker.fetch(from: offset, maxBytes: 600, decode: true)
        #expect(fetched.error == nil)
        #expect((1...5).contains(fetched.records.count))
        #expect(fetched.records.first?.offset == offset)
        seen += fetched.values
        offset = fetched.nextOffset
        calls += 1
      }
      #expect(seen == values)
    }
  }

  @Test func `one record comes even if it alone is above max_bytes`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      for partition in 0..<2 as Range<UInt32> {
        _ = try await broker.produce([try batch([String(repeating: "x", count: 5_000), "b"])], partition: partition)
      }
      let targets = (0..<2).map { FetchTarget(topic: "orders", partition: $0) }
      let partitions = try await broker.fetch(FetchRequest(targets: targets, maxBytes: 1, decode: true))
      #expect(partitions.map(\.records.count) == [1, 0])
      #expect(partitions.map(\.nextOffset) == [1, 0])
    }
  }

  @Test func `on a topic with append time all records carry the append's`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(config: ["timestamp_type": "append", "durability": "os"])
      broker.clock.advance(byMs: 1_234)
      _ = try await broker.produce(records: [record("a", timestampMs: 5), record("b")])
      _ = try await broker.produce([try batch(["c"], timestampMs: 7, compression: .zstd)])
      let fetched = try await broker.fetch(decode: true)
      #expect(fetched.records.map(\.timestampMs) == [Int64](repeating: ManualClock.startMs + 1_234, count: 3))
      #expect(try await broker.fetch().batches.map(\.attributes) == [8, 11])
    }
  }

  @Test func `what comes before damage is given, the damage is told to who asks for it`() throws {
    var bytes = try stored(["a", "b"], at: 0)
    let first = bytes.readableBytes
    var damaged = try stored(["c"], at: 2)
    damaged.setInteger(0xEE as UInt8, at: damaged.writerIndex - 1)
    bytes.writeBuffer(&damaged)

    var decoder = decoder(from: 0)
    decoder.decode(result(bytes))
    #expect(decoder.records.map(\.offset) == [0, 1])
    #expect(decoder.nextOffset == Offset(2))
    #expect(decoder.failure == nil)

    decoder = self.decoder(from: 2)
    decoder.decode(result(bytes.getSlice(at: first, length: bytes.readableBytes - first) ?? ByteBuffer()))
    #expect(decoder.records.isEmpty)
    #expect(decoder.nextOffset == Offset(2))
    #expect(decoder.failure?.code == .dataLoss)
  }

  @Test func `a damaged header, and a batch that is cut short, are data loss`() throws {
    let whole = try stored(["a"], at: 0)
    var header = whole
    header.setInteger(0xEE as UInt8, at: 12)
    for bytes in [header, whole.getSlice(at: 0, length: whole.readableBytes - 1)!, ByteBuffer(bytes: [1, 2, 3])] {
      var decoder = decoder(from: 0)
      decoder.decode(result(bytes))
      #expect(decoder.failure?.code == .dataLoss)
    }
  }

  @Test func `batches are decompressed when their turn comes, not before`() throws {
    var bytes = try stored(["a"], at: 0)
    var damaged = try stored(["b"], at: 1)
    damaged.setInteger(0xEE as UInt8, at: damaged.writerIndex - 1)
    bytes.writeBuffer(&damaged)
    var readers = result(bytes).batchReaders
    #expect(try readers.next()?.header.baseOffset == .zero)
    #expect(throws: RecordBatchError.self) { try readers.next() }
  }

  private func decoder(from offset: Int64) -> RecordDecoder {
    RecordDecoder(
      from: Offset(offset), maxBytes: 1 << 20, maxRecordBytes: 1 << 20,
      decompressionBudget: RecordDecoder.maxDecompressedBytes, isFirst: true)
  }

  private func stored(_ values: [String], at offset: Int64) throws -> ByteBuffer {
    var builder = RecordSetBuilder(baseTimestampMs: 0)
    for value in values { builder.append(key: nil, value: ByteBuffer(string: value), timestampMs: 0) }
    let batch = try builder.build()
    var header = batch.header
    header.baseOffset = Offset(offset)
    var bytes = ByteBuffer()
    header.write(to: &bytes)
    bytes.writeImmutableBuffer(batch.records)
    return bytes
  }

  private func result(_ bytes: ByteBuffer) -> ReadResult {
    ReadResult(
      chunks: [.bytes(bytes)], byteCount: bytes.readableBytes,
      bounds: PartitionBounds(
        logStart: .zero, highWatermark: Offset(9), durableEnd: .zero, logEnd: Offset(9), partitionEpoch: 0))
  }
}
