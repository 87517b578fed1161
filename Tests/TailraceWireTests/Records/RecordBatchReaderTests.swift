import NIOCore
import TailraceTestSupport
import Testing

@testable import TailraceWire

@Suite("Reading a stored batch")
struct RecordBatchReaderTests {
  private static let records = [
    Record(
      key: buffer("key"), value: buffer("value"), headers: [Header(key: "h", value: buffer("x")), Header(key: "i")]),
    Record(
      key: ByteBuffer(), value: ByteBuffer(), headers: [Header(key: "", value: ByteBuffer())], timestampDeltaMs: -4),
    Record(timestampDeltaMs: 300),
  ]

  /// A header around records in whatever state they are, their checksum right.
  private func header(
    _ records: ByteBuffer, count: UInt32, lastOffsetDelta: UInt32? = nil, baseTimestampMs: Int64 = 1_000,
    attributes: BatchAttributes = BatchAttributes(compression: .none)
  ) -> RecordBatchHeader {
    RecordBatchHeader(
      baseOffset: Offset(50), recordCount: count, lastOffsetDelta: lastOffsetDelta ?? (count &- 1), partitionEpoch: 1,
      baseTimestampMs: baseTimestampMs, maxTimestampMs: 0, appendTimestampMs: 9_999, attributes: attributes,
      producerID: 0, producerEpoch: 0, baseSequence: 0, durableEnd: .zero,
      recordsLength: UInt32(records.readableBytes), recordsCRC32C: CRC32C.checksum(records))
  }

  private func read(_ records: ByteBuffer, _ header: RecordBatchHeader) throws(RecordBatchError) -> [StoredRecord] {
    try readAll(RecordBatchReader(header: header, records: records))
  }

  private func failure(_ records: ByteBuffer, _ header: RecordBatchHeader) -> RecordBatchError? {
    do throws(RecordBatchError) {
      _ = try read(records, header)
      return nil
    } catch { return error }
  }

  @Test func `Records come with offset, time, and absence kept apart from emptiness`() throws {
    let set = try RecordSet(records: Self.records).encoded()
    let back = try read(set, header(set, count: 3))
    #expect(
      back == [
        StoredRecord(
          offset: Offset(50), timestampMs: 1_000, key: buffer("key"), value: buffer("value"),
          headers: [Header(key: "h", value: buffer("x")), Header(key: "i")]),
        StoredRecord(
          offset: Offset(51), timestampMs: 996, key: ByteBuffer(), value: ByteBuffer(),
          headers: [Header(key: "", value: ByteBuffer())]),
        StoredRecord(offset: Offset(52), timestampMs: 1_300, key: nil, value: nil, headers: []),
      ])
  }

  @Test func `With append timestamps every record has the append's time`() throws {
    let set = try RecordSet(records: Self.records).encoded()
    let attributes = BatchAttributes(compression: .none, hasAppendTimestamps: true)
    let back = try read(set, header(set, count: 3, attributes: attributes))
    #expect(back.map(\.timestampMs) == [9_999, 9_999, 9_999])
  }

  @Test func `Gaps of a compacted batch are kept, and a record without a delta follows its predecessor`() throws {
    let set = try RecordSet(records: [Record(offsetDelta: 2), Record(), Record(offsetDelta: 9)]).encoded()
    let back = try read(set, header(set, count: 3, lastOffsetDelta: 12))
    #expect(back.map(\.offset.rawValue) == [52, 53, 59])
  }

  @Test func `Records are found where the buffer does not begin with them`() throws {
    let set = try RecordSet(records: Self.records).encoded()
    var shifted = ByteBuffer(bytes: [1, 2, 3] + set.allBytes + [4])
    shifted.moveReaderIndex(forwardBy: 3)
    let slice = shifted.readSlice(length: set.readableBytes) ?? ByteBuffer()
    #expect(try read(slice, header(set, count: 3)) == read(set, header(set, count: 3)))
    var prefixed = ByteBuffer(bytes: [9, 9] + set.allBytes)
    prefixed.moveReaderIndex(forwardBy: 2)
    #expect(try read(prefixed, header(set, count: 3)) == read(set, header(set, count: 3)))
  }

  @Test("Any change of one byte of a stored batch is noticed", arguments: Compression.allCases)
  func everyByte(compression: Compression) throws {
    let set = try compression.compress(RecordSet(records: Self.records).encoded())
    let header = header(set, count: 3, attributes: BatchAttributes(compression: compression))
    let whole = header.encodedBytes + set.allBytes
    for index in whole.indices {
      for change in UInt8(1)...255 {
        var damaged = whole
        damaged[index] ^= change
        let records = ByteBuffer(bytes: damaged[118...])
        guard let header = try? parseHeader(damaged) else { continue }
        let error = failure(records, header)
        let message = "the batch at offset 50 is damaged: its records do not match their checksum"
        #expect(error == RecordBatchError(.dataLoss, message), "byte \(index), change \(change)")
      }
    }
  }

  @Test(
    "Bytes that are wrong under a right checksum end in an error or in records within the batch", arguments: [1, 2])
  func wrongUnderRightChecksum(pass: UInt64) throws {
    var generator = SeededGenerator.ofThisRun(60 + pass)
    let set = try RecordSet(records: Self.records).encoded().allBytes
    var accepted = 0
    for round in 0..<20_000 {
      var bytes = set
      for _ in 0..<Int(pass) {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[index] = UInt8(truncatingIfNeeded: generator.next())
      }
      if round % 5 == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
      let damaged = ByteBuffer(bytes: bytes)
      guard let back = try? read(damaged, header(damaged, count: 3)) else { continue }
      accepted += 1
      let held = back.reduce(0) { sum, record in
        let own = (record.key?.readableBytes ?? 0) + (record.value?.readableBytes ?? 0)
        return sum + own + record.headers.reduce(0) { $0 + $1.key.utf8.count + ($1.value?.readableBytes ?? 0) }
      }
      #expect(back.count == 3 && held <= bytes.count, "round \(round) of seed \(RandomValues.runSeed)")
      #expect(back.allSatisfy { (50...52).contains($0.offset.rawValue) })
    }
    #expect(accepted > 0, "no change left a readable batch: the test looks at nothing")
  }

  @Test func `More or fewer records than the header says are data loss`() throws {
    let set = try RecordSet(records: Self.records).encoded()
    for count in [2, 4] as [UInt32] {
      let error = failure(set, header(set, count: count, lastOffsetDelta: 2))
      #expect(error == RecordBatchError(.dataLoss, "the batch at offset 50 holds 3 records, not \(count)"))
    }
    #expect(failure(ByteBuffer(), header(ByteBuffer(), count: 1))?.code == .dataLoss)
  }

  @Test func `An offset past last_offset_delta is out of bounds`() throws {
    let set = try RecordSet(records: [Record(offsetDelta: 3)]).encoded()
    #expect(failure(set, header(set, count: 1, lastOffsetDelta: 3)) == nil)
    #expect(
      failure(set, header(set, count: 1, lastOffsetDelta: 2))
        == RecordBatchError(.dataLoss, "a record of the batch at offset 50 is out of its bounds"))
  }

  @Test func `Times and offsets past the number range are out of bounds`() throws {
    let late = try RecordSet(records: [Record(timestampDeltaMs: 1)]).encoded()
    #expect(failure(late, header(late, count: 1, baseTimestampMs: .max))?.code == .dataLoss)
    #expect(try read(late, header(late, count: 1, baseTimestampMs: .max - 1)).map(\.timestampMs) == [.max])
    let early = try RecordSet(records: [Record(timestampDeltaMs: .min)]).encoded()
    #expect(failure(early, header(early, count: 1, baseTimestampMs: -1))?.code == .dataLoss)
    let far = try RecordSet(records: [Record(offsetDelta: .max)]).encoded()
    var header = header(far, count: 1, lastOffsetDelta: .max)
    header.baseOffset = Offset(.max - Int64(UInt32.max))
    #expect(try read(far, header).map(\.offset.rawValue) == [.max])
    header.baseOffset = Offset(.max - Int64(UInt32.max) + 1)
    #expect(failure(far, header)?.code == .dataLoss)
  }

  @Test func `No record follows offset delta 2^32 - 1`() throws {
    let set = try RecordSet(records: [Record(offsetDelta: .max), Record()]).encoded()
    #expect(
      failure(set, header(set, count: 2, lastOffsetDelta: .max))
        == RecordBatchError(.invalidRecord, "record 1 of the batch has an offset_delta that does not grow"))
  }

  @Test("Attributes that this release does not know are refused", arguments: [4, 7, 0x10, 0x20, 1 << 31] as [UInt32])
  func unknownAttributes(bits: UInt32) throws {
    let set = try RecordSet(records: Self.records).encoded()
    #expect(
      failure(set, header(set, count: 3, attributes: BatchAttributes(rawValue: bits)))
        == RecordBatchError(.unsupportedCompression, "the batch at offset 50 has unknown attributes"))
  }

  @Test func `A reader that has come to the end stays there, and one at a fault repeats it`() throws {
    let set = try RecordSet(records: [Record()]).encoded()
    var reader = try RecordBatchReader(header: header(set, count: 1), records: set)
    #expect(try reader.next() != nil)
    for _ in 0..<3 { #expect(try reader.next() == nil) }
    let faulty = ByteBuffer(bytes: [0x0A, 0x00, 0x08])
    var failing = try RecordBatchReader(header: header(faulty, count: 2), records: faulty)
    #expect(try failing.next() != nil)
    for _ in 0..<3 { #expect(throws: RecordBatchError.self) { try failing.next() } }
  }

  @Test("Decompression stops at its bound", arguments: [Compression.gzip, .lz4, .zstd])
  func decompressionBound(compression: Compression) throws {
    let plain = try RecordSet(records: [Record(value: ByteBuffer(repeating: 0, count: 100_000))]).encoded()
    let stored = try compression.compress(plain)
    let header = header(stored, count: 1, attributes: BatchAttributes(compression: compression))
    let size = plain.readableBytes
    #expect(try readAll(RecordBatchReader(header: header, records: stored, maxDecompressedBytes: size)).count == 1)
    #expect(
      throws: RecordBatchError(.batchTooLarge, "the batch's records are over \(size - 1) bytes once decompressed")
    ) {
      try RecordBatchReader(header: header, records: stored, maxDecompressedBytes: size - 1)
    }
  }
}
