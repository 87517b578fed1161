import NIOCore
import TailraceWire
import Testing

@testable import tailrace

@Suite struct RecordAccumulatorTests {
  private func accumulator(
    partitions: UInt32 = 3, target: Int = 1_000, most: Int = 2_000, fixed: UInt32? = nil, first: UInt32 = 0
  ) -> RecordAccumulator {
    RecordAccumulator(
      partitionCount: partitions, targetBatchBytes: target, maxBatchBytes: most, fixedPartition: fixed,
      firstPartition: first)
  }

  private func value(_ count: Int) -> InputRecord { InputRecord(value: ByteBuffer(repeating: 0x61, count: count)) }

  private func records(_ batch: PendingBatch) throws -> [StoredRecord] {
    var reader = try RecordBatchReader(header: batch.batch.header, records: batch.batch.records)
    var records: [StoredRecord] = []
    while let record = try reader.next() { records.append(record) }
    return records
  }

  @Test func `records without a key go to the partitions in turn`() throws {
    var accumulator = accumulator(first: 1)
    for line in 1...7 { #expect(try accumulator.add(value(1), line: line, nowMs: 5).isEmpty) }
    let batches = try accumulator.flush()
    #expect(batches.map(\.partition) == [0, 1, 2])
    #expect(batches.map(\.recordCount) == [2, 3, 2])
    #expect(batches.map(\.lines) == [3...6, 1...7, 2...5])
    #expect(accumulator.isEmpty)
    #expect(accumulator.openBytes == 0)
    #expect(accumulator.openRecords == 0)
  }

  @Test func `a key always goes to the partition of its hash, an empty key too`() throws {
    for key in ["", "a", "visitor-17"] {
      let hash = Array(key.utf8).withUnsafeBytes { MurmurHash2.partition(of: $0, partitionCount: 3) }
      var accumulator = accumulator()
      for line in 1...4 {
        _ = try accumulator.add(InputRecord(key: ByteBuffer(string: key)), line: line, nowMs: 0)
      }
      #expect(try accumulator.flush().map(\.partition) == [hash])
    }
  }

  @Test func `the option goes before the record's partition, which goes before its key`() throws {
    let record = InputRecord(key: ByteBuffer(string: "k"), partition: 2)
    var free = accumulator()
    _ = try free.add(record, line: 1, nowMs: 0)
    #expect(try free.flush().map(\.partition) == [2])
    var fixed = accumulator(fixed: 1)
    _ = try fixed.add(record, line: 1, nowMs: 0)
    #expect(try fixed.flush().map(\.partition) == [1])
    #expect(throws: InputError.self) { try free.add(InputRecord(partition: 3), line: 1, nowMs: 0) }
  }

  @Test func `no batch passes the target but one that is a single record, and the order stays`() throws {
    var accumulator = accumulator(partitions: 1)
    var batches: [PendingBatch] = []
    let sizes = [10, 500, 400, 1_500, 1, 900, 20, 20, 800, 1_800]
    for (index, size) in sizes.enumerated() {
      batches += try accumulator.add(value(size), line: index + 1, nowMs: 0)
    }
    batches += try accumulator.flush()
    #expect(try batches.flatMap { try records($0).map { $0.value?.readableBytes } } == sizes)
    #expect(batches.allSatisfy { $0.batch.byteCount <= 1_000 || $0.recordCount == 1 })
    #expect(batches.allSatisfy { $0.batch.byteCount <= 2_000 })
    #expect(batches.first?.lines.lowerBound == 1)
    for (before, after) in zip(batches, batches.dropFirst()) {
      #expect(after.lines.lowerBound == before.lines.upperBound + 1)
    }
  }

  @Test func `a record larger than the topic's batches is refused, one of just the bound is not`() throws {
    let overhead = RecordBatchHeader.byteCount + 6
    var fits = accumulator()
    #expect(try fits.add(value(2_000 - overhead), line: 1, nowMs: 0).map(\.batch.byteCount) == [2_000])
    var passes = accumulator(partitions: 1)
    _ = try passes.add(value(1), line: 1, nowMs: 0)
    #expect(throws: InputError.self) { try passes.add(value(2_001 - overhead), line: 2, nowMs: 0) }
    #expect(try passes.flush().map(\.recordCount) == [1])
  }

  @Test func `a record's own timestamp is kept, others get the clock's`() throws {
    var accumulator = accumulator(partitions: 1)
    _ = try accumulator.add(InputRecord(timestampMs: 7), line: 1, nowMs: 1_000)
    _ = try accumulator.add(InputRecord(), line: 2, nowMs: 2_000)
    let batch = try #require(try accumulator.flush().first)
    #expect(try records(batch).map(\.timestampMs) == [7, 2_000])
    #expect(batch.batch.header.maxTimestampMs == 2_000)
  }
}
