import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Batches as producers send them: stored as they are, or refused with the rule they break.
@Suite struct ProduceBatchTests {
  struct Fault: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let code: ErrorCode
    let change: @Sendable (inout RecordBatch) -> Void

    init(_ what: String, _ code: ErrorCode, _ change: @escaping @Sendable (inout RecordBatch) -> Void) {
      testDescription = what
      self.code = code
      self.change = change
    }
  }

  /// The batch's records replaced, with their right checksum.
  private static func with(records: [UInt8]) -> @Sendable (inout RecordBatch) -> Void {
    { batch in
      batch.records = ByteBuffer(bytes: records)
      batch.recordsCRC32C = CRC32C.checksum(batch.records)
    }
  }

  static let faults: [Fault] = [
    Fault("checksum", .corruptBatch) { $0.recordsCRC32C ^= 1 },
    Fault("damaged records", .corruptBatch) { $0.records.setInteger(0xFF as UInt8, at: $0.records.readerIndex) },
    Fault("transactional bit", .invalidRecord) { $0.attributes |= 1 << 4 },
    Fault("unknown bit", .invalidRecord) { $0.attributes |= 1 << 31 },
    Fault("unknown compression", .unsupportedCompression) { $0.attributes = 4 },
    Fault("highest compression", .unsupportedCompression) { $0.attributes = 7 },
    Fault("not gzip", .invalidRecord) { $0.attributes = 1 },
    Fault("not lz4", .invalidRecord) { $0.attributes = 2 },
    Fault("not zstd", .invalidRecord) { $0.attributes = 3 },
    Fault("too large", .batchTooLarge, with(records: [UInt8](repeating: 0x0A, count: 4_096 - 117))),
    Fault("records_length", .invalidRecord) { $0.recordsLength = UInt32($0.records.readableBytes) + 1 },
    Fault("epoch without producer", .invalidRecord) { $0.producerEpoch = 1 },
    Fault("sequence without producer", .invalidRecord) { $0.baseSequence = 1 },
    Fault("negative producer", .invalidRecord) { $0.producerID = -1 },
    Fault("sequence too high", .invalidRecord) {
      $0.producerID = 1
      $0.baseSequence = 1 << 31
    },
    Fault("unknown producer", .unknownProducer) { $0.producerID = 1 },
    Fault("unknown highest producer", .unknownProducer) { $0.producerID = Int64.max },
    Fault("fewer records than said", .invalidRecord) {
      $0.recordCount = 4
      $0.lastOffsetDelta = 3
    },
    Fault("record_count at its highest", .invalidRecord) { $0.recordCount = UInt32.max },
    Fault("no record_count", .invalidRecord) { $0.recordCount = 0 },
    Fault("last_offset_delta", .invalidRecord) { $0.lastOffsetDelta = 3 },
    Fault("last_offset_delta at its highest", .invalidRecord) { $0.lastOffsetDelta = UInt32.max },
    Fault("no records", .invalidRecord, with(records: [])),
    Fault("not protobuf", .invalidRecord, with(records: [0xFF, 0xFF])),
    Fault("a gap in the deltas", .invalidRecord, with(records: [0x0A, 0, 0x0A, 0, 0x0A, 2, 0x28, 5])),
    Fault("a header key with a NUL", .invalidRecord, with(records: [0x0A, 5, 0x1A, 3, 0x0A, 1, 0, 0x0A, 0, 0x0A, 0])),
    Fault("negative base time", .invalidTimestamp) { $0.baseTimestampMs = -1 },
    Fault("lowest base time", .invalidTimestamp) { $0.baseTimestampMs = Int64.min },
    Fault("time over an hour ahead", .invalidTimestamp) {
      $0.baseTimestampMs = ManualClock.startMs + 3_600_001
      $0.maxTimestampMs = $0.baseTimestampMs
    },
    Fault("highest time", .invalidTimestamp) {
      $0.baseTimestampMs = Int64.max
      $0.maxTimestampMs = Int64.max
    },
    Fault("max_timestamp_ms", .invalidRecord) { $0.maxTimestampMs += 1 },
  ]

  @Test(arguments: faults) func `a faulty batch is refused, its neighbours are stored`(fault: Fault) async throws {
    try await withFixture { broker in
      try await broker.createTopic(config: ["max_batch_bytes": "4096", "durability": "os"])
      var faulty = try batch(["a", "b", "c"])
      fault.change(&faulty)
      let result = try await broker.produce([try batch(["first"]), faulty, try batch(["last"])])
      #expect(result.batches.map { $0.error?.code } == [nil, fault.code, nil])
      #expect(result.batches.map(\.baseOffset) == [0, -1, 1])
      #expect(result.batches[1].error?.message.isEmpty == false)
      #expect(try await broker.fetch(decode: true).values == ["first", "last"])
    }
  }

  @Test func `a batch that fills the topic's bound to the byte is stored`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(config: ["max_batch_bytes": "2048", "durability": "os"])
      let full = try batch(ofBytes: 2_048 - 118 - 6)
      #expect(full.records.readableBytes + 118 == 2_048)
      let result = try await broker.produce([full, try batch(ofBytes: 2_048 - 118 - 5)])
      #expect(result.batches.map { $0.error?.code } == [nil, .batchTooLarge])
    }
  }

  @Test(arguments: Compression.allCases)
  func `a batch is stored as it was compressed, and can be read`(compression: Compression) async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let sent = try batch((0..<50).map { "value \($0)" }, compression: compression)
      let result = try await broker.produce([sent])
      #expect(result.batches == [BatchResult(baseOffset: 0, appendTimestampMs: ManualClock.startMs)])
      let fetched = try await broker.fetch()
      #expect(fetched.batches.map(\.records) == [sent.records])
      #expect(fetched.batches.map(\.attributes) == [compression.rawValue])
      #expect(try await broker.fetch(decode: true).values == (0..<50).map { "value \($0)" })
    }
  }

  @Test(arguments: [Compression.gzip, .lz4, .zstd])
  func `a decompression bomb is refused`(compression: Compression) async throws {
    try await withFixture { broker in
      try await broker.createTopic(config: ["max_batch_bytes": "8388608", "durability": "os"])
      var builder = RecordSetBuilder(baseTimestampMs: 0)
      builder.append(key: nil, value: ByteBuffer(repeating: 0, count: 65 << 20), timestampMs: 0)
      let bomb = try builder.build(compression: compression).message
      #expect(bomb.records.readableBytes < 1 << 20)
      let result = try await broker.produce([bomb])
      #expect(result.batches.map { $0.error?.code } == [.batchTooLarge])
      #expect(try await broker.fetch().highWatermark == 0)
    }
  }

  @Test func `what a broker sets is not taken from the producer`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      var sent = try batch(["a"])
      sent.baseOffset = 77
      sent.partitionEpoch = 77
      sent.appendTimestampMs = 77
      sent.durableEnd = 77
      sent.headerCRC32C = 77
      sent.attributes |= 1 << 3
      #expect(try await broker.produce([sent]).batches.map(\.baseOffset) == [0])
      let stored = try #require(try await broker.fetch().batches.first)
      #expect(stored.baseOffset == 0)
      #expect(stored.partitionEpoch == 0)
      #expect(stored.appendTimestampMs == ManualClock.startMs)
      #expect(stored.durableEnd == 0)
      #expect(stored.headerCRC32C != 77)
      #expect(stored.attributes == 0)
    }
  }
}
