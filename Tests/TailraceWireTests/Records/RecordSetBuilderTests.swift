import Foundation
import NIOCore
import SwiftProtobuf
import Testing

@testable import TailraceWire

@Suite("Building a batch from records")
struct RecordSetBuilderTests {
  private static let absentAndEmpty: [ByteBuffer?] = [nil, ByteBuffer(), ByteBuffer(string: "x")]

  private func independentSet(_ batch: ValidatedBatch) throws -> Tailrace_V1_RecordSet {
    let compression = try #require(batch.header.attributes.compression)
    let plain = try compression.decompress(batch.records, maxBytes: 64 << 20)
    return try Tailrace_V1_RecordSet(serializedBytes: plain.allBytes)
  }

  @Test func `swift-protobuf reads the same keys, values, headers and times, absence included`() throws {
    let base: Int64 = 1_700_000_000_000
    var builder = RecordSetBuilder(baseTimestampMs: base)
    var expected: [Tailrace_V1_Record] = []
    for key in Self.absentAndEmpty {
      for value in Self.absentAndEmpty {
        for headerValue in Self.absentAndEmpty {
          for (name, timestampMs) in [("", base), ("näme", base - 5), ("a", base + 1_000_000)] {
            let headers = name.isEmpty ? [] : [Header(key: name, value: headerValue), Header(key: "", value: value)]
            builder.append(key: key, value: value, headers: headers, timestampMs: timestampMs)
            var record = Tailrace_V1_Record()
            if let key { record.key = Data(key.allBytes) }
            if let value { record.value = Data(value.allBytes) }
            record.headers = headers.map { header in
              var independent = Tailrace_V1_Header()
              independent.key = header.key
              if let value = header.value { independent.value = Data(value.allBytes) }
              return independent
            }
            record.timestampDeltaMs = timestampMs - base
            expected.append(record)
          }
        }
      }
    }
    let batch = try builder.build()
    #expect(try independentSet(batch).records == expected)
    #expect(batch.header.recordCount == UInt32(expected.count))
    #expect(batch.header.maxTimestampMs == base + 1_000_000)
    #expect(!batch.everyRecordHasKey)
  }

  @Test("What is built passes the validator and is read back the same", arguments: Compression.allCases)
  func roundTrip(compression: Compression) throws {
    var values = RandomValues(seed: RandomValues.runSeed &+ UInt64(compression.rawValue))
    for round in 0..<60 {
      var builder = RecordSetBuilder(
        baseTimestampMs: Int64(values.below(1 << 40)), memory: ByteBufferAllocator().buffer(capacity: 100))
      var records: [(Record, Int64)] = []
      for _ in 0...values.below(20) {
        let record = Record(
          key: values.bool() ? values.buffer() : nil, value: values.bool() ? values.buffer() : nil,
          headers: values.array { Header(key: $0.string(), value: $0.bool() ? $0.buffer() : nil) })
        let timestampMs = Int64(values.below(1 << 40))
        builder.append(key: record.key, value: record.value, headers: record.headers, timestampMs: timestampMs)
        records.append((record, timestampMs))
      }
      let size = builder.byteCount
      let batch = try builder.build(compression: compression)
      if compression == .none { #expect(batch.byteCount == size) }
      #expect(try independentSet(batch).records.count == records.count)
      let validator = BatchValidator(maxBatchBytes: 64 << 20)
      #expect(try validator.validate(batch.message, nowMs: 1 << 41) == batch, "round \(round)")
      let back = try readAll(RecordBatchReader(header: batch.header, records: batch.records))
      #expect(back.map(\.offset.rawValue) == Array(0..<Int64(records.count)))
      #expect(back.map(\.timestampMs) == records.map(\.1), "round \(round) of seed \(RandomValues.runSeed)")
      #expect(zip(back, records).allSatisfy { $0.matches($1.0) }, "round \(round) of seed \(RandomValues.runSeed)")
    }
  }

  @Test func `Negative times count as 0, of the batch and of records`() throws {
    var builder = RecordSetBuilder(baseTimestampMs: Int64.min)
    builder.append(key: nil, value: buffer("v"), timestampMs: -1)
    builder.append(key: nil, value: buffer("v"), timestampMs: Int64.min)
    builder.append(key: nil, value: buffer("v"), timestampMs: Int64.max)
    let batch = try builder.build()
    #expect(batch.header.baseTimestampMs == 0 && batch.header.maxTimestampMs == Int64.max)
    let back = try readAll(RecordBatchReader(header: batch.header, records: batch.records))
    #expect(back.map(\.timestampMs) == [0, 0, Int64.max])
  }

  @Test func `Records before the base have negative deltas, and the highest time is theirs alone`() throws {
    var builder = RecordSetBuilder(baseTimestampMs: Int64.max)
    builder.append(key: buffer("k"), value: nil, timestampMs: 7)
    let batch = try builder.build()
    #expect(batch.header.maxTimestampMs == 7 && batch.everyRecordHasKey)
    #expect(try readAll(RecordBatchReader(header: batch.header, records: batch.records)).map(\.timestampMs) == [7])
  }

  @Test func `An empty builder builds nothing`() {
    let builder = RecordSetBuilder(baseTimestampMs: 0)
    #expect(builder.isEmpty && builder.byteCount == RecordBatchHeader.byteCount)
    #expect(throws: RecordBatchError(.invalidRecord, "a batch holds at least one record")) { try builder.build() }
  }

  @Test func `A record without any field is a record`() throws {
    var builder = RecordSetBuilder(baseTimestampMs: 5)
    builder.append(key: nil, value: nil, timestampMs: 5)
    let batch = try builder.build()
    #expect(batch.records.allBytes == [0x0A, 0x00])
    let back = try readAll(RecordBatchReader(header: batch.header, records: batch.records))
    #expect(back == [StoredRecord(offset: .zero, timestampMs: 5, key: nil, value: nil, headers: [])])
  }

  @Test(
    "Lengths around the varint's steps are right", arguments: [0, 1, 126, 127, 128, 16_382, 16_383, 16_384, 70_000])
  func lengths(count: Int) throws {
    let bytes = ByteBuffer(repeating: 0x61, count: count)
    var builder = RecordSetBuilder(baseTimestampMs: 0)
    let header = Header(key: String(repeating: "h", count: count), value: bytes)
    builder.append(key: bytes, value: bytes, headers: [header], timestampMs: 0)
    let record = try #require(try independentSet(try builder.build()).records.first)
    #expect(record.key.count == count && record.value.count == count)
    #expect(record.headers.first?.key.utf8.count == count && record.headers.first?.value.count == count)
  }
}
