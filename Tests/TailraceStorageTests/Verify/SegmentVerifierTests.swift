import NIOCore
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

@Suite struct SegmentVerifierTests {
  private func segment() throws -> SegmentBytes {
    var segment = SegmentBytes()
    segment.append(try batch(["a", "b"], key: "k"))
    segment.append(try batch((0..<20).map { "compressed \($0 % 3)" }, compression: .zstd))
    segment.append(try batch(["c"])) { $0.durableEnd = Offset(22) }
    segment.append(try batch(["d", "e", "f"]))
    return segment
  }

  @Test func `a whole segment gives no finding, deep or not, and its figures`() throws {
    let segment = try segment()
    for isDeep in [false, true] {
      let verdict = SegmentVerdict(segment.bytes, nextBase: 26, isDeep: isDeep)
      #expect(verdict.findings.isEmpty, "\(verdict.findings)")
      #expect(verdict.totals.batches == 4 && verdict.totals.records == 26 && verdict.end == 26)
      #expect(verdict.totals.bytes == segment.bytes.readableBytes)
    }
  }

  @Test func `each flipped bit is noticed in the batch where it is, and the other batches are still counted`() throws {
    let segment = try segment()
    let bitCount = segment.bytes.readableBytes * 8
    var inRecords = 0
    for bit in 0..<bitCount {
      let verdict = SegmentVerdict(segment.flipped(bit: bit), nextBase: 26)
      let position = segment.batchPosition(ofByte: bit / 8)
      #expect(verdict.findings.map(\.position) == [position], "bit \(bit): \(verdict.findings)")
      let isInRecords = bit / 8 - position >= RecordBatchHeader.byteCount
      if isInRecords { inRecords += 1 }
      #expect(verdict.totals.batches == (isInRecords ? 4 : 3), "bit \(bit)")
      #expect(verdict.end == 26, "bit \(bit)")
    }
    print("flipped \(bitCount) bits, \(inRecords) of them in records; all were noticed")
  }

  @Test func `each cut that is not between two batches is noticed, with or without a segment after it`() throws {
    let segment = try segment()
    var count = 0
    for length in 0..<segment.bytes.readableBytes {
      let bytes = try #require(segment.bytes.getSlice(at: 0, length: length))
      #expect(SegmentVerdict(bytes, nextBase: 26).findings.count == 1, "cut at \(length)")
      let alone = SegmentVerdict(bytes)
      #expect(alone.findings.isEmpty == segment.boundaries.contains(length), "cut at \(length): \(alone.findings)")
      count += 2
    }
    print("cut \(count) times")
  }

  @Test func `how large the pieces are makes no difference`() throws {
    let segment = try segment()
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      let bytes = segment.flipped(bit: generator.below(segment.bytes.readableBytes * 8))
      let whole = SegmentVerdict(bytes, nextBase: 26, pieceBytes: 1 << 20)
      let pieces = SegmentVerdict(bytes, nextBase: 26, pieceBytes: 1)
      #expect(whole.findings == pieces.findings && whole.totals == pieces.totals && whole.end == pieces.end)
    }
  }

  @Test func `missing and repeated offsets are told of`() throws {
    let one = try batch(["x", "y"])
    var gap = SegmentBytes()
    gap.append(one)
    gap.nextOffset = 10
    gap.append(one)
    var finding = try #require(SegmentVerdict(gap.bytes).findings.first)
    #expect(finding.kind == .missing && finding.offset == Offset(2) && finding.endOffset == Offset(10))
    #expect(SegmentVerdict(gap.bytes).findings.count == 1 && SegmentVerdict(gap.bytes).end == 12)

    var again = SegmentBytes()
    again.append(one)
    again.nextOffset = 1
    again.append(one)
    finding = try #require(SegmentVerdict(again.bytes).findings.first)
    #expect(finding.kind == .damage && finding.offset == Offset(1) && finding.position == again.boundaries[1])

    #expect(SegmentVerdict(gap.bytes, base: 5).findings.first?.offset == Offset(0))
    #expect(SegmentVerdict(again.bytes, nextBase: 9).findings.map(\.kind) == [.damage, .missing])
    #expect(SegmentVerdict(ByteBuffer(), base: 3, nextBase: 9).findings.map(\.kind) == [.missing])
    #expect(SegmentVerdict(ByteBuffer(), base: 3).findings.isEmpty)
  }

  @Test func `a compacted batch may lack records, all of them too, as long as it spans its offsets`() throws {
    var segment = SegmentBytes()
    let whole = try batch(["a", "b", "c"])
    segment.append(try batch(["a"])) { $0.lastOffsetDelta = 4 }
    segment.append(whole.header, ByteBuffer()) {
      $0.recordCount = 0
      $0.lastOffsetDelta = 9
    }
    segment.append(whole)
    let verdict = SegmentVerdict(segment.bytes, nextBase: 18, isDeep: true)
    #expect(verdict.findings.isEmpty, "\(verdict.findings)")
    #expect(verdict.totals.records == 4 && verdict.end == 18)
  }

  /// Batches whose checksums are right and whose records are not what the header says.
  @Test func `records that cannot be read are noticed by a deep look, and by no other`() throws {
    let good = try batch(["a", "b", "c"])
    let compressed = try batch(["a", "b", "c"], compression: .lz4)
    let garbage = ByteBuffer(repeating: 0x5A, count: 40)
    let changes: [(String, ByteBuffer, (inout RecordBatchHeader) -> Void)] = [
      ("not a record set", garbage, { _ in }),
      ("not zstd", garbage, { $0.attributes = BatchAttributes(compression: .zstd) }),
      ("not gzip", good.records, { $0.attributes = BatchAttributes(compression: .gzip) }),
      ("compressed, not marked so", compressed.records, { _ in }),
      ("cut off", good.records.getSlice(at: 0, length: good.records.readableBytes - 1) ?? garbage, { _ in }),
      ("fewer than counted", good.records, { ($0.recordCount, $0.lastOffsetDelta) = (4, 3) }),
      ("more than counted", good.records, { $0.recordCount = 2 }),
      ("past the span", good.records, { ($0.recordCount, $0.lastOffsetDelta) = (2, 1) }),
      ("counted, and none there", ByteBuffer(), { _ in }),
      ("later than the batch", good.records, { $0.maxTimestampMs = 999 }),
    ]
    for (name, records, change) in changes {
      var segment = SegmentBytes()
      segment.append(good)
      segment.append(good.header, records, change)
      segment.append(good)
      let deep = SegmentVerdict(segment.bytes, isDeep: true)
      #expect(deep.findings.map(\.kind) == [.records], "\(name): \(deep.findings)")
      #expect(deep.findings.map(\.position) == [segment.boundaries[1]], "\(name)")
      #expect(SegmentVerdict(segment.bytes).findings.isEmpty, "\(name)")
    }
    print("\(changes.count) kinds of wrong records were noticed")
  }

  @Test func `records that decompress to more than 64 MiB are not read`() throws {
    let bomb = try Compression.zstd.compress(ByteBuffer(repeating: 0, count: (64 << 20) + 1))
    var segment = SegmentBytes()
    segment.append(try batch(["a"]).header, bomb) { $0.attributes = BatchAttributes(compression: .zstd) }
    #expect(SegmentVerdict(segment.bytes, isDeep: true).findings.map(\.kind) == [.records])
  }

  @Test func `headers that match their checksum and make no sense are noticed without a deep look`() throws {
    let good = try batch(["a"])
    let changes: [(inout RecordBatchHeader) -> Void] = [
      { $0.attributes = BatchAttributes(rawValue: 7) }, { $0.attributes = BatchAttributes(rawValue: 1 << 9) },
      { $0.recordCount = 2 },
    ]
    for change in changes {
      var segment = SegmentBytes()
      segment.append(good, change)
      #expect(SegmentVerdict(segment.bytes).findings.map(\.kind) == [.records])
    }
  }

  /// Each of many headers claims eight mebibytes behind it.
  @Test func `what the search past damage reads is bounded, whatever lies there`() throws {
    var header = try batch(["x"]).header
    header.baseOffset = Offset(7)
    header.recordsLength = 64 << 10
    var segment = SegmentBytes()
    segment.append(try batch(["a"]))
    for _ in 0..<3_000 { header.write(to: &segment.bytes) }
    segment.bytes.setInteger(UInt8(0), at: segment.boundaries[1] + 2)
    let length = segment.bytes.readableBytes
    var verifier = SegmentVerifier(
      file: BytesFile(segment.bytes), byteCount: length, base: .zero, nextBase: nil, isDeep: false,
      windowBytes: 64 << 10)
    var findings: [VerifyFinding] = []
    while !verifier.isAtEnd { findings += verifier.advance(maxBytes: 4096) }
    #expect(findings.count == 1 && verifier.isBrokenOff)
    // The batches of a search overlap, and a window is read again where it does not hold the next header.
    #expect(verifier.loadedBytes < 12 * length, "\(verifier.loadedBytes) of \(length)")
  }
}
