import NIOCore
import TailraceTestSupport
import Testing

@testable import TailraceWire

@Suite("Taking records out of a stored batch")
struct RecordBatchRewriterTests {
  /// A stored batch of random records, at a random offset.
  private func stored(
    _ records: [Record], _ compression: Compression, at base: Int64 = 70
  ) throws -> (header: RecordBatchHeader, records: ByteBuffer) {
    let set = try compression.compress(try RecordSet(records: records).encoded())
    let header = RecordBatchHeader(
      baseOffset: Offset(base), recordCount: UInt32(records.count), lastOffsetDelta: UInt32(records.count - 1),
      partitionEpoch: 3, baseTimestampMs: 1_000, maxTimestampMs: 1_000 + (records.map(\.timestampDeltaMs).max() ?? 0),
      appendTimestampMs: 5_000, attributes: BatchAttributes(compression: compression, hasAppendTimestamps: false),
      producerID: 9, producerEpoch: 2, baseSequence: 44, durableEnd: Offset(base - 1),
      recordsLength: UInt32(set.readableBytes), recordsCRC32C: CRC32C.checksum(set))
    return (header, set)
  }

  private func randomRecords(_ generator: inout SeededGenerator) -> [Record] {
    (0..<1 + generator.below(200)).map { index in
      Record(
        key: generator.below(5) == 0 ? nil : ByteBuffer(bytes: generator.bytes(generator.below(4))),
        value: generator.below(4) == 0 ? nil : ByteBuffer(bytes: generator.bytes(generator.below(300))),
        headers: generator.below(3) == 0 ? [Header(key: "h", value: buffer("x")), Header(key: "i")] : [],
        timestampDeltaMs: Int64(generator.below(2_000)) - 500,
        offsetDelta: generator.below(8) == 0 ? UInt32(index) : nil)
    }
  }

  @Test(arguments: Compression.allCases) func `What stays is as it was, and nothing else is there`(
    _ compression: Compression
  ) throws {
    var generator = SeededGenerator.ofThisRun(UInt64(compression.rawValue))
    var dropped = 0
    for _ in 0..<60 {
      var (header, records) = try stored(randomRecords(&generator), compression)
      var expected = try readAll(RecordBatchReader(header: header, records: records))
      // Again and again on its own result, so that stated offsets are met.
      for _ in 0..<4 {
        let share = generator.below(4)
        let kept = Set(expected.filter { _ in generator.below(4) >= share }.map(\.offset))
        let rewriter = try RecordBatchRewriter(header: header, records: records)
        let before = records
        guard
          case .rewritten(let newHeader, let newRecords) = try rewriter.rewrite(keeping: { kept.contains($0.offset) })
        else {
          #expect(kept.count == expected.count)
          continue
        }
        dropped += expected.count - kept.count
        expected = expected.filter { kept.contains($0.offset) }
        #expect(try readAll(RecordBatchReader(header: newHeader, records: newRecords)) == expected)
        try expectSameBatch(header, newHeader, expected)
        if compression == .none { #expect(newRecords.readableBytes < before.readableBytes) }
        (header, records) = (newHeader, newRecords)
        if expected.isEmpty { break }
      }
    }
    print("RecordBatchRewriterTests: \(dropped) records dropped from \(compression) batches")
    #expect(dropped > 1_000)
  }

  private func expectSameBatch(
    _ old: RecordBatchHeader, _ new: RecordBatchHeader, _ records: [StoredRecord]
  ) throws {
    var expected = old
    expected.recordCount = UInt32(records.count)
    expected.maxTimestampMs = records.map(\.timestampMs).max() ?? 0
    expected.recordsLength = new.recordsLength
    expected.recordsCRC32C = new.recordsCRC32C
    if records.isEmpty {
      expected.attributes = BatchAttributes(compression: .none)
      #expect(new.recordsLength == 0 && new.recordsCRC32C == 0)
    }
    #expect(new == expected)
    #expect(try parseHeader(new.encodedBytes) == new)
  }

  @Test(arguments: Compression.allCases) func `A batch from which nothing goes is not rewritten`(
    _ compression: Compression
  ) throws {
    let (header, records) = try stored([Record(key: buffer("a")), Record(key: buffer("b"))], compression)
    let rewriter = try RecordBatchRewriter(header: header, records: records)
    #expect(try rewriter.rewrite { _ in true } == .unchanged)
  }

  @Test func `A batch that would be larger than before, and than a log takes, stays as it is`() throws {
    // All alike they compress to nearly nothing; each second one, its offset stated, does not.
    let (header, records) = try stored(Array(repeating: Record(key: buffer("a")), count: 200), .gzip)
    let rewriter = try RecordBatchRewriter(header: header, records: records)
    let isOdd = { (record: RecordGlance) in record.offset.rawValue % 2 == 1 }
    guard case .rewritten(let grown, let content) = try rewriter.rewrite(keeping: isOdd) else {
      Issue.record("not rewritten")
      return
    }
    #expect(grown.recordsLength > header.recordsLength)
    #expect(try readAll(RecordBatchReader(header: grown, records: content)).count == 100)
    #expect(try rewriter.rewrite(maxBytes: content.readableBytes - 1, keeping: isOdd) == .tooLarge)
  }

  @Test func `Keys, tombstones and offsets are shown, absence kept apart from emptiness`() throws {
    let (header, records) = try stored(
      [Record(key: buffer("a"), value: buffer("1")), Record(key: ByteBuffer(), value: ByteBuffer()), Record()], .none)
    var seen: [String] = []
    try RecordBatchRewriter(header: header, records: records).forEach { record in
      let key = record.key.map { String(decoding: $0, as: UTF8.self) } ?? "none"
      seen.append("\(record.offset) '\(key)' \(record.isTombstone)")
      return true
    }
    #expect(seen == ["70 'a' false", "71 '' false", "72 'none' true"])
  }

  @Test func `Damage is refused`() throws {
    var (header, records) = try stored([Record(key: buffer("a")), Record(key: buffer("b"))], .none)
    header.recordCount = 3
    let miscounted = try RecordBatchRewriter(header: header, records: records)
    #expect(throws: RecordBatchError.self) { try miscounted.rewrite { _ in true } }
    records.setInteger(0xFF as UInt8, at: 1)
    #expect(throws: RecordBatchError.self) { try RecordBatchRewriter(header: header, records: records) }
  }

  @Test func `Empty batches next to one another become one, within what an index can hold`() throws {
    let first = try stored([Record(), Record()], .none).header.emptied()
    var second = try stored([Record(), Record(), Record()], .zstd, at: 72).header.emptied()
    let merged = try #require(first.merged(with: second))
    #expect(merged.baseOffset == Offset(70) && merged.nextOffset == Offset(75) && merged.recordCount == 0)
    #expect(merged.producerID == 0 && merged.durableEnd == first.durableEnd)
    #expect(try parseHeader(merged.encodedBytes) == merged)
    #expect(second.merged(with: first) == nil)
    second.lastOffsetDelta = UInt32(Int32.max) - 2
    #expect(first.merged(with: second)?.lastOffsetDelta == UInt32(Int32.max))
    second.lastOffsetDelta += 1
    #expect(first.merged(with: second) == nil)
    second.recordCount = 1
    #expect(first.merged(with: second) == nil)
  }
}
