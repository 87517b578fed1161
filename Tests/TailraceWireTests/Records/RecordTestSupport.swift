import Foundation
import NIOCore
import SwiftProtobuf
import TailraceTestSupport

@testable import TailraceWire

extension SeededGenerator {
  /// A generator with the run's seed, or with a part of its own of it.
  static func ofThisRun(_ part: UInt64) -> SeededGenerator {
    SeededGenerator(seed: RandomValues.runSeed &+ part)
  }
}

extension RecordBatchHeader {
  /// A header as an append may write it, with numbers from anywhere in their ranges.
  static func random(using generator: inout SeededGenerator) -> RecordBatchHeader {
    let lastOffsetDelta = UInt32.random(in: 0...UInt32.max, using: &generator)
    let highestBase = Int64.max - Int64(lastOffsetDelta) - 1
    func anyInt64(_ generator: inout SeededGenerator) -> Int64 {
      [0, 1, -1, Int64.max, Int64.min, Int64(bitPattern: generator.next())].randomElement(using: &generator) ?? 0
    }
    func anyUInt32(_ generator: inout SeededGenerator) -> UInt32 {
      [0, 1, UInt32.max, UInt32(truncatingIfNeeded: generator.next())].randomElement(using: &generator) ?? 0
    }
    return RecordBatchHeader(
      baseOffset: Offset(
        [0, highestBase, Int64.random(in: 0...highestBase, using: &generator)].randomElement(
          using: &generator) ?? 0),
      recordCount: anyUInt32(&generator), lastOffsetDelta: lastOffsetDelta, partitionEpoch: anyUInt32(&generator),
      baseTimestampMs: anyInt64(&generator), maxTimestampMs: anyInt64(&generator),
      appendTimestampMs: anyInt64(&generator), attributes: BatchAttributes(rawValue: anyUInt32(&generator)),
      producerID: anyInt64(&generator), producerEpoch: anyUInt32(&generator), baseSequence: anyUInt32(&generator),
      durableEnd: Offset(anyInt64(&generator)),
      recordsLength: UInt32.random(in: 0...UInt32(Self.maxRecordsBytes), using: &generator),
      recordsCRC32C: anyUInt32(&generator))
  }

  /// The header's bytes, without `records`.
  var encodedBytes: [UInt8] {
    var buffer = ByteBuffer()
    write(to: &buffer)
    return buffer.allBytes
  }

  /// Every field different from 0 and from all others.
  static let sample = RecordBatchHeader(
    baseOffset: Offset(0x0102_0304_0506_0708), recordCount: 3, lastOffsetDelta: 9, partitionEpoch: 0x1112_1314,
    baseTimestampMs: 1_700_000_000_000, maxTimestampMs: 1_700_000_000_777, appendTimestampMs: 1_700_000_001_234,
    attributes: BatchAttributes(compression: .zstd, hasAppendTimestamps: true), producerID: 0x2122_2324_2526_2728,
    producerEpoch: 0x3132_3334, baseSequence: 0x4142_4344, durableEnd: Offset(0x0101_0203_0405_0607),
    recordsLength: 5, recordsCRC32C: 0x5152_5354)
}

/// Parses the bytes as a header.
func parseHeader(_ bytes: [UInt8]) throws(RecordBatchHeaderError) -> RecordBatchHeader {
  try bytes.withUnsafeBytes { bytes in
    Result { () throws(RecordBatchHeaderError) in try RecordBatchHeader(parsing: bytes) }
  }.get()
}

/// Why the bytes are no header; nil where they are one.
func headerError(_ bytes: [UInt8]) -> RecordBatchHeaderError? {
  do throws(RecordBatchHeaderError) {
    _ = try parseHeader(bytes)
    return nil
  } catch { return error }
}

/// `bytes` with the header's checksum made right again.
func withRightChecksum(_ bytes: [UInt8]) -> [UInt8] {
  var bytes = bytes
  let checksum = bytes[..<105].withUnsafeBytes { CRC32C.checksum($0) }
  withUnsafeBytes(of: checksum.littleEndian) { bytes.replaceSubrange(107..<111, with: $0) }
  return bytes
}

/// All records of a reader.
func readAll(_ reader: RecordBatchReader) throws(RecordBatchError) -> [StoredRecord] {
  var reader = reader
  var records: [StoredRecord] = []
  while let record = try reader.next() { records.append(record) }
  return records
}

func buffer(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

/// A batch of these records as a producer sends it, with every field right.
func producerBatch(
  _ records: [Record], baseTimestampMs: Int64 = 1_000, compression: Compression = .none
) throws -> RecordBatch {
  try producerBatch(
    set: RecordSet(records: records).encoded(), recordCount: UInt32(records.count), baseTimestampMs: baseTimestampMs,
    maxTimestampMs: baseTimestampMs + (records.map(\.timestampDeltaMs).max() ?? 0), compression: compression)
}

/// A batch around a record set in whatever state it is, the checksum right.
func producerBatch(
  set: ByteBuffer, recordCount: UInt32, baseTimestampMs: Int64 = 1_000, maxTimestampMs: Int64 = 1_000,
  compression: Compression = .none
) throws -> RecordBatch {
  let stored = try compression.compress(set)
  return RecordBatch(
    recordCount: recordCount, lastOffsetDelta: recordCount &- 1, baseTimestampMs: baseTimestampMs,
    maxTimestampMs: maxTimestampMs, attributes: compression.rawValue, recordsCRC32C: CRC32C.checksum(stored),
    records: stored)
}

extension StoredRecord {
  /// Whether this is what `record` says, presence included.
  func matches(_ record: Record) -> Bool {
    key == record.key && value == record.value && headers == record.headers
  }
}
