import NIOCore
import Testing

@testable import TailraceWire

@Suite("Checking what a producer sent")
struct BatchValidatorTests {
  private static let nowMs: Int64 = 1_700_000_000_000

  private func validate(_ batch: RecordBatch, maxBatchBytes: Int = 1 << 20) throws(RecordBatchError) -> ValidatedBatch {
    try BatchValidator(maxBatchBytes: maxBatchBytes).validate(batch, nowMs: Self.nowMs)
  }

  private func refusal(_ batch: RecordBatch, maxBatchBytes: Int = 1 << 20) -> RecordBatchError? {
    do throws(RecordBatchError) {
      _ = try validate(batch, maxBatchBytes: maxBatchBytes)
      return nil
    } catch { return error }
  }

  private func twoRecords() throws -> RecordBatch {
    try producerBatch([
      Record(key: buffer("k"), value: buffer("v")), Record(key: buffer("l"), timestampDeltaMs: 3),
    ])
  }

  @Test func `A batch in order becomes its own header, the broker's fields zero`() throws {
    var batch = try twoRecords()
    (batch.producerID, batch.producerEpoch, batch.baseSequence) = (7, 2, 9)
    let header = try validate(batch).header
    #expect(
      header
        == RecordBatchHeader(
          baseOffset: .zero, recordCount: 2, lastOffsetDelta: 1, partitionEpoch: 0, baseTimestampMs: 1_000,
          maxTimestampMs: 1_003, appendTimestampMs: 0, attributes: BatchAttributes(compression: .none), producerID: 7,
          producerEpoch: 2, baseSequence: 9, durableEnd: .zero, recordsLength: UInt32(batch.records.readableBytes),
          recordsCRC32C: batch.recordsCRC32C))
    #expect(try validate(batch).records == batch.records)
    #expect(try validate(batch).everyRecordHasKey)
  }

  @Test func `The broker's fields are ignored, whatever a producer puts there`() throws {
    var batch = try twoRecords()
    let plain = try validate(batch)
    batch.formatVersion = 1
    batch.baseOffset = -1
    batch.partitionEpoch = .max
    batch.appendTimestampMs = .min
    batch.durableEnd = .max
    batch.headerCRC32C = 1
    #expect(try validate(batch) == plain)
    batch.attributes |= 0b1000
    #expect(try validate(batch) == plain, "the append-timestamp bit is the broker's")
  }

  @Test func `A batch in a format that is not known is refused, never taken for one that is`() throws {
    var batch = try twoRecords()
    batch.formatVersion = 2
    #expect(refusal(batch) == RecordBatchError(.invalidRecord, "format_version is 2; this broker knows 1"))
  }

  @Test func `Whether every record has a key is told, an empty key being one`() throws {
    let empty = Record(key: ByteBuffer(), value: buffer("v"))
    #expect(try validate(producerBatch([empty, empty])).everyRecordHasKey)
    #expect(try !validate(producerBatch([empty, Record(value: buffer("v"))])).everyRecordHasKey)
  }

  @Test func `Each refusal has its code and says what is wrong`() throws {
    let size = try twoRecords().records.readableBytes
    let checksum = try "0x" + String(twoRecords().recordsCRC32C, radix: 16)
    let unknownBit = { (hex: String) in "attributes 0x\(hex) has a bit set that this broker does not know" }
    let producer = ": ids begin at 1, sequences are below 2^31, and without an id both are 0"
    let deltas = { (found: UInt32) in
      "offset deltas count from 0 without gaps up to last_offset_delta 1, which is \(found) here"
    }
    let cases: [((inout RecordBatch) -> Void, ErrorCode, String)] = [
      ({ $0.attributes = 0b1_0000 }, .invalidRecord, unknownBit("10")),
      ({ $0.attributes = 0b10_0000 }, .invalidRecord, unknownBit("20")),
      ({ $0.attributes = 0b100_0000 }, .invalidRecord, unknownBit("40")),
      ({ $0.attributes = 1 << 31 }, .invalidRecord, unknownBit("80000000")),
      (
        { $0.attributes = 4 }, .unsupportedCompression,
        "compression 4 is unknown: 0 none, 1 gzip, 2 lz4 and 3 zstd are known"
      ),
      (
        { $0.attributes = 7 | 8 }, .unsupportedCompression,
        "compression 7 is unknown: 0 none, 1 gzip, 2 lz4 and 3 zstd are known"
      ),
      ({ $0.recordsLength = 1 }, .invalidRecord, "records_length is 1, but there are \(size) bytes"),
      (
        { $0.recordsLength = .max }, .invalidRecord, "records_length is 4294967295, but there are \(size) bytes"
      ),
      (
        { $0.recordsCRC32C = 0x1a }, .corruptBatch,
        "records_crc32c is 0x1a, but the records' CRC-32C is \(checksum)"
      ),
      ({ $0.producerID = -1 }, .invalidRecord, "producer_id -1, epoch 0, sequence 0" + producer),
      ({ $0.producerEpoch = 1 }, .invalidRecord, "producer_id 0, epoch 1, sequence 0" + producer),
      ({ $0.baseSequence = 1 }, .invalidRecord, "producer_id 0, epoch 0, sequence 1" + producer),
      (
        { ($0.producerID, $0.baseSequence) = (1, 1 << 31) }, .invalidRecord,
        "producer_id 1, epoch 0, sequence 2147483648" + producer
      ),
      ({ $0.recordCount = 1 }, .invalidRecord, "record_count is 1, but there are more"),
      ({ $0.recordCount = 0 }, .invalidRecord, "record_count is 0, but there are more"),
      ({ $0.recordCount = .max }, .invalidRecord, "record_count is 4294967295, but there are 2"),
      ({ $0.lastOffsetDelta = 2 }, .invalidRecord, deltas(2)),
      ({ $0.lastOffsetDelta = 0 }, .invalidRecord, deltas(0)),
      ({ $0.maxTimestampMs = 1_002 }, .invalidRecord, "max_timestamp_ms is 1002, but the highest timestamp is 1003"),
      (
        { $0.maxTimestampMs = .min }, .invalidRecord,
        "max_timestamp_ms is \(Int64.min), but the highest timestamp is 1003"
      ),
      (
        { ($0.baseTimestampMs, $0.maxTimestampMs) = (-1, 2) }, .invalidTimestamp,
        "timestamps are milliseconds since 1970-01-01, not negative"
      ),
      (
        { ($0.baseTimestampMs, $0.maxTimestampMs) = (.max, .max) }, .invalidTimestamp,
        "timestamps are milliseconds since 1970-01-01, not negative"
      ),
      (
        { $0.attributes = 1 }, .invalidRecord, "the batch's records are not well-formed gzip data"
      ),
    ]
    for (change, code, message) in cases {
      var batch = try twoRecords()
      change(&batch)
      #expect(refusal(batch) == RecordBatchError(code, message))
    }
  }

  @Test func `records_length may be left out or right`() throws {
    var batch = try twoRecords()
    #expect(refusal(batch) == nil)
    batch.recordsLength = UInt32(batch.records.readableBytes)
    #expect(refusal(batch) == nil)
  }

  @Test func `The size's bound holds for the batch as stored, header included`() throws {
    let batch = try twoRecords()
    let size = batch.records.readableBytes + 118
    #expect(refusal(batch, maxBatchBytes: size) == nil)
    let message = "a batch of \(size) bytes (header included); the bound is \(size - 1)"
    #expect(refusal(batch, maxBatchBytes: size - 1) == RecordBatchError(.batchTooLarge, message))
    #expect(refusal(batch, maxBatchBytes: 0)?.code == .batchTooLarge)
  }

  @Test("The bound after decompression is exact", arguments: Compression.allCases)
  func decompressedBound(compression: Compression) throws {
    let batch = try producerBatch([Record(value: ByteBuffer(repeating: 7, count: 5_000))], compression: compression)
    let plainBytes = try compression.decompress(batch.records, maxBytes: 1 << 20).readableBytes
    var validator = BatchValidator(maxBatchBytes: 1 << 20)
    validator.maxDecompressedBytes = plainBytes
    #expect(throws: Never.self) { try validator.validate(batch, nowMs: Self.nowMs) }
    validator.maxDecompressedBytes = plainBytes - 1
    #expect(
      throws: RecordBatchError(
        .batchTooLarge, "the batch's records are over \(plainBytes - 1) bytes once decompressed")
    ) { try validator.validate(batch, nowMs: Self.nowMs) }
  }

  @Test func `A timestamp may be an hour ahead of the clock, not a millisecond more`() throws {
    let bound = Self.nowMs + 3_600_000
    let set = try RecordSet(records: [Record()]).encoded()
    func batch(_ timestampMs: Int64) throws -> RecordBatch {
      try producerBatch(set: set, recordCount: 1, baseTimestampMs: timestampMs, maxTimestampMs: timestampMs)
    }
    #expect(try refusal(batch(bound)) == nil)
    #expect(
      try refusal(batch(bound + 1))
        == RecordBatchError(
          .invalidTimestamp,
          "timestamp \(bound + 1) is 3600001 ms ahead of the broker's clock; the bound is 3600000 ms"))
    #expect(try refusal(batch(.max))?.code == .invalidTimestamp)
    #expect(try refusal(batch(0)) == nil)
  }

  @Test func `A broker whose clock is wrong still decides`() throws {
    let validator = BatchValidator(maxBatchBytes: 1 << 20)
    #expect(throws: Never.self) { try validator.checkNotAhead(.max, nowMs: .max) }
    #expect(throws: RecordBatchError.self) { try validator.checkNotAhead(.max, nowMs: -5) }
    #expect(throws: RecordBatchError.self) { try validator.checkNotAhead(.max, nowMs: .min) }
  }

  @Test func `Timestamps go down to 0 and no further`() throws {
    let accepted = try producerBatch([Record(timestampDeltaMs: -1_000), Record()])
    #expect(refusal(accepted) == nil)
    let negative = try producerBatch([Record(timestampDeltaMs: -1_001), Record()])
    #expect(refusal(negative)?.code == .invalidTimestamp)
    for delta in [Int64.min, Int64.max] {
      let set = try RecordSet(records: [Record(timestampDeltaMs: delta)]).encoded()
      let batch = try producerBatch(set: set, recordCount: 1, baseTimestampMs: 1, maxTimestampMs: 1)
      #expect(refusal(batch)?.code == .invalidTimestamp, "delta \(delta)")
    }
  }

  @Test func `max_timestamp_ms is the highest of the records, even where all lie before the base`() throws {
    var batch = try producerBatch([Record(timestampDeltaMs: -5), Record(timestampDeltaMs: -3)])
    #expect(batch.maxTimestampMs == 997 && refusal(batch) == nil)
    batch.maxTimestampMs = batch.baseTimestampMs
    #expect(refusal(batch)?.message == "max_timestamp_ms is 1000, but the highest timestamp is 997")
  }

  @Test func `Stated offset deltas are the records' positions`() throws {
    #expect(try refusal(producerBatch([Record(offsetDelta: 0), Record(), Record(offsetDelta: 2)])) == nil)
    for (first, second) in [(1, 2), (0, 2)] as [(UInt32, UInt32)] {
      let batch = try producerBatch([Record(offsetDelta: first), Record(offsetDelta: second)])
      #expect(refusal(batch)?.message.contains("without gaps") == true)
    }
    let falling = try producerBatch([Record(offsetDelta: 1), Record(offsetDelta: 0)])
    #expect(
      refusal(falling)
        == RecordBatchError(.invalidRecord, "record 1 of the batch has an offset_delta that does not grow"))
    let highest = try producerBatch([Record(offsetDelta: .max), Record()])
    #expect(refusal(highest)?.code == .invalidRecord)
  }

  @Test func `A sequence goes up to 2^31 - 1`() throws {
    var batch = try twoRecords()
    (batch.producerID, batch.producerEpoch, batch.baseSequence) = (.max, .max, (1 << 31) - 1)
    #expect(refusal(batch) == nil)
  }

  @Test func `A record has 256 headers at most`() throws {
    func batch(_ count: Int) throws -> RecordBatch {
      try producerBatch([Record(), Record(headers: Array(repeating: Header(key: "h"), count: count))])
    }
    #expect(try refusal(batch(256)) == nil)
    #expect(
      try refusal(batch(257))
        == RecordBatchError(.invalidRecord, "record 1 of the batch has more than 256 headers"))
  }

  @Test func `A batch without records is refused, compressed or not`() throws {
    for compression in Compression.allCases {
      let batch = try producerBatch(set: ByteBuffer(), recordCount: 0, compression: compression)
      #expect(refusal(batch) == RecordBatchError(.invalidRecord, "a batch holds at least one record"))
    }
  }

  @Test(
    "Records that some reader might take otherwise are refused",
    arguments: [
      ("no record set", [0x08, 0x01]), ("cut in the length", [0x0A]), ("longer than the set", [0x0A, 0x05, 0x0A]),
      ("unknown field", [0x0A, 0x02, 0x30, 0x01]), ("key twice", [0x0A, 0x04, 0x0A, 0x00, 0x0A, 0x00]),
      ("value twice", [0x0A, 0x04, 0x12, 0x00, 0x12, 0x00]), ("wrong wire type", [0x0A, 0x02, 0x08, 0x01]),
      ("timestamp twice", [0x0A, 0x04, 0x20, 0x00, 0x20, 0x00]),
      ("offset delta above 32 bits", [0x0A, 0x06, 0x28, 0x80, 0x80, 0x80, 0x80, 0x10]),
      ("varint of eleven bytes", [0x0A, 0x0C, 0x20, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
      ("header with an unknown field", [0x0A, 0x04, 0x1A, 0x02, 0x18, 0x01]),
      ("group", [0x0A, 0x02, 0x0B, 0x0C]), ("huge length", [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]),
    ] as [(String, [UInt8])])
  func malformed(name: String, bytes: [UInt8]) throws {
    let batch = try producerBatch(set: ByteBuffer(bytes: bytes), recordCount: 1)
    let message = "record 0 of the batch is not a well-formed tailrace.v1.Record of known fields, each at most once"
    #expect(refusal(batch) == RecordBatchError(.invalidRecord, message))
  }

  @Test(
    "Header keys are UTF-8 without NUL",
    arguments: [[0xFF], [0x61, 0x00], [0xED, 0xA0, 0x80], [0xC0, 0x80]] as [[UInt8]])
  func headerKeys(key: [UInt8]) throws {
    let header: [UInt8] = [0x0A, UInt8(key.count)] + key
    let record: [UInt8] = [0x1A, UInt8(header.count)] + header
    let batch = try producerBatch(set: ByteBuffer(bytes: [0x0A, UInt8(record.count)] + record), recordCount: 1)
    #expect(
      refusal(batch)
        == RecordBatchError(.invalidRecord, "record 0 of the batch has a header whose key is not UTF-8, or holds a NUL")
    )
  }

  @Test("What is accepted can be read, and is what was sent", arguments: Compression.allCases)
  func randomBatches(compression: Compression) throws {
    var values = RandomValues(seed: RandomValues.runSeed &+ 40 &+ UInt64(compression.rawValue))
    for round in 0..<100 {
      var records: [Record] = []
      for _ in 0...values.below(8) { records.append(Record.random(&values)) }
      for index in records.indices {
        records[index].timestampDeltaMs = Int64(values.below(5_000)) - 1_000
        records[index].offsetDelta = values.bool() ? UInt32(index) : nil
      }
      let batch = try validate(producerBatch(records, compression: compression), maxBatchBytes: 64 << 20)
      let back = try readAll(RecordBatchReader(header: batch.header, records: batch.records))
      #expect(back.count == records.count)
      #expect(zip(back, records).allSatisfy { $0.matches($1) }, "round \(round) of seed \(RandomValues.runSeed)")
      #expect(back.map(\.timestampMs) == records.map { 1_000 + $0.timestampDeltaMs })
    }
  }
}
