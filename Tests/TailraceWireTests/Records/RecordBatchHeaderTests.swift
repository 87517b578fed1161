import NIOCore
import SwiftProtobuf
import TailraceTestSupport
import Testing

@testable import TailraceWire

@Suite("The header of a batch")
struct RecordBatchHeaderTests {
  private static let tagOffsets = [
    0, 6, 11, 20, 25, 30, 35, 44, 53, 62, 67, 76, 81, 86, 95, 100, 105, 106, 111, 112,
  ]

  @Test func `swift-protobuf reads a written batch as a Segment, field by field`() throws {
    let records: [UInt8] = [1, 2, 3, 4, 5]
    let header = RecordBatchHeader.sample
    let segment = try Tailrace_V1_Segment(serializedBytes: header.encodedBytes + records)
    let batch = try #require(segment.batches.first)
    #expect(segment.batches.count == 1 && segment.unknownFields.data.isEmpty && batch.unknownFields.data.isEmpty)
    #expect(batch.formatVersion == 1)
    #expect(batch.baseOffset == 0x0102_0304_0506_0708)
    #expect(batch.recordCount == 3)
    #expect(batch.lastOffsetDelta == 9)
    #expect(batch.partitionEpoch == 0x1112_1314)
    #expect(batch.baseTimestampMs == 1_700_000_000_000)
    #expect(batch.maxTimestampMs == 1_700_000_000_777)
    #expect(batch.appendTimestampMs == 1_700_000_001_234)
    #expect(batch.attributes == 0b1011)
    #expect(batch.producerID == 0x2122_2324_2526_2728)
    #expect(batch.producerEpoch == 0x3132_3334)
    #expect(batch.baseSequence == 0x4142_4344)
    #expect(batch.durableEnd == 0x0101_0203_0405_0607)
    #expect(batch.recordsLength == 5)
    #expect(batch.recordsCrc32C == 0x5152_5354)
    #expect(batch.headerCrc32C == header.encodedBytes[..<105].withUnsafeBytes { CRC32C.checksum($0) })
    #expect(Array(batch.records) == records)
  }

  @Test func `Batches written one after the other are one Segment`() throws {
    var bytes: [UInt8] = []
    for offset in 0..<5 {
      var header = RecordBatchHeader.sample
      header.baseOffset = Offset(Int64(offset) * 10)
      bytes += header.encodedBytes + [9, 9, 9, 9, UInt8(offset)]
    }
    let segment = try Tailrace_V1_Segment(serializedBytes: bytes)
    #expect(segment.batches.map(\.baseOffset) == [0, 10, 20, 30, 40])
    #expect(segment.batches.map { $0.records.last } == [0, 1, 2, 3, 4])
  }

  @Test func `What is written is read back, whatever the numbers`() throws {
    var generator = SeededGenerator.ofThisRun(1)
    for round in 0..<5_000 {
      let header = RecordBatchHeader.random(using: &generator)
      let back = try parseHeader(header.encodedBytes)
      #expect(back == header, "round \(round) of seed \(RandomValues.runSeed)")
    }
  }

  @Test func `A header takes 118 bytes, and only those are read`() throws {
    let bytes = RecordBatchHeader.sample.encodedBytes
    #expect(bytes.count == 118 && RecordBatchHeader.byteCount == 118)
    #expect(try parseHeader(bytes + [0xFF, 0x00, 0xFF]) == .sample)
  }

  @Test func `Every flipped bit is noticed`() {
    let bytes = RecordBatchHeader.sample.encodedBytes
    for bit in 0..<(bytes.count * 8) {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(headerError(damaged) == .corrupt, "bit \(bit)")
    }
  }

  @Test func `Fewer bytes than a header has are short, however many there are`() {
    let bytes = RecordBatchHeader.sample.encodedBytes
    for count in 0..<bytes.count { #expect(headerError(Array(bytes[..<count])) == .short, "\(count) bytes") }
  }

  @Test("Each tag has one value, even where the checksum fits", arguments: tagOffsets)
  func tags(offset: Int) {
    let bytes = RecordBatchHeader.sample.encodedBytes
    for value in UInt8.min...UInt8.max where value != bytes[offset] {
      var damaged = bytes
      damaged[offset] = value
      #expect(headerError(withRightChecksum(damaged)) == .corrupt, "\(value) at \(offset)")
    }
  }

  @Test("Both padded lengths have one value and one form", arguments: [1, 113])
  func paddedLengths(offset: Int) {
    let bytes = RecordBatchHeader.sample.encodedBytes
    for index in offset..<(offset + 5) {
      for value in UInt8.min...UInt8.max where value != bytes[index] {
        var damaged = bytes
        damaged[index] = value
        #expect(headerError(withRightChecksum(damaged)) == .corrupt, "\(value) at \(index)")
      }
    }
  }

  @Test func `records_length up to its bound is read, one above it is not`() throws {
    var header = RecordBatchHeader.sample
    header.recordsLength = UInt32(RecordBatchHeader.maxRecordsBytes)
    var bytes = header.encodedBytes
    #expect(try parseHeader(bytes) == header)
    let tooMuch = header.recordsLength + 1
    withUnsafeBytes(of: tooMuch.littleEndian) { bytes.replaceSubrange(96..<100, with: $0) }
    bytes.withUnsafeMutableBytes { bytes in
      PaddedVarint.write(tooMuch + 112, to: bytes, at: 1)
      PaddedVarint.write(tooMuch, to: bytes, at: 113)
    }
    #expect(headerError(withRightChecksum(bytes)) == .corrupt)
  }

  @Test("Another format version is named", arguments: [0, 2, UInt32.max])
  func versions(version: UInt32) {
    var bytes = RecordBatchHeader.sample.encodedBytes
    withUnsafeBytes(of: version.littleEndian) { bytes.replaceSubrange(7..<11, with: $0) }
    #expect(headerError(withRightChecksum(bytes)) == .unsupportedVersion(version))
  }

  @Test func `Offsets stay within the number range`() throws {
    var header = RecordBatchHeader.sample
    header.lastOffsetDelta = 9
    header.baseOffset = Offset(Int64.max - 10)
    #expect(try parseHeader(header.encodedBytes).nextOffset == Offset(Int64.max))
    for base in [Int64.max - 9, Int64.max, -1, Int64.min] {
      header.baseOffset = Offset(base)
      #expect(headerError(header.encodedBytes) == .corrupt, "base offset \(base)")
    }
    header.baseOffset = Offset(Int64.max - 9)
    #expect(header.lastOffset == Offset(Int64.max) && header.nextOffset == nil)
    header.baseOffset = Offset(Int64.max - 8)
    #expect(header.lastOffset == nil)
  }

  @Test func `Random bytes are no header, and stop nothing`() {
    var generator = SeededGenerator.ofThisRun(2)
    for round in 0..<2_000 {
      var bytes = generator.bytes(118)
      let sample = RecordBatchHeader.sample.encodedBytes
      for offset in Self.tagOffsets { bytes[offset] = sample[offset] }
      // The checksum is right, so the numbers are looked at; the lengths agree once in 2^64.
      #expect(headerError(withRightChecksum(bytes)) != nil, "round \(round) of seed \(RandomValues.runSeed)")
    }
  }

  @Test func `Readers see the append's time only where the batch says so`() {
    var header = RecordBatchHeader.sample
    #expect(header.readableMaxTimestampMs == header.appendTimestampMs)
    header.attributes = header.attributes.withAppendTimestamps(false)
    #expect(header.readableMaxTimestampMs == header.maxTimestampMs)
    #expect(header.batchByteCount == 123)
  }
}

@Suite("The header of a fetched batch")
struct FetchedBatchHeaderTests {
  private func fetched(_ header: RecordBatchHeader = .sample) throws -> RecordBatch {
    let segment = try Segment(decoding: ByteBuffer(bytes: header.encodedBytes + [1, 2, 3, 4, 5]))
    return try #require(segment.batches.first)
  }

  private func refusal(_ message: RecordBatch) -> RecordBatchError? {
    do throws(RecordBatchError) {
      _ = try RecordBatchHeader(checking: message)
      return nil
    } catch { return error }
  }

  @Test func `It is the header that was written`() throws {
    #expect(try RecordBatchHeader(checking: fetched()) == .sample)
  }

  @Test func `A changed field is noticed`() throws {
    let changes: [(String, (inout RecordBatch) -> Void)] = [
      ("base_offset", { $0.baseOffset += 1 }), ("record_count", { $0.recordCount += 1 }),
      ("last_offset_delta", { $0.lastOffsetDelta += 1 }), ("partition_epoch", { $0.partitionEpoch ^= 1 }),
      ("base_timestamp_ms", { $0.baseTimestampMs ^= 1 }), ("max_timestamp_ms", { $0.maxTimestampMs ^= 1 }),
      ("append_timestamp_ms", { $0.appendTimestampMs ^= 1 }), ("attributes", { $0.attributes ^= 1 }),
      ("producer_id", { $0.producerID ^= 1 }), ("producer_epoch", { $0.producerEpoch ^= 1 }),
      ("base_sequence", { $0.baseSequence ^= 1 }), ("durable_end", { $0.durableEnd ^= 1 }),
      ("records_length", { $0.recordsLength += 1 }), ("records_crc32c", { $0.recordsCRC32C ^= 1 }),
      ("header_crc32c", { $0.headerCRC32C ^= 1 }), ("records", { $0.records = ByteBuffer(bytes: [1]) }),
      ("negative", { $0.baseOffset = -1 }),
    ]
    for (name, change) in changes {
      var message = try fetched()
      change(&message)
      let error = try #require(refusal(message), "\(name)")
      #expect(error.code == .dataLoss, "\(name)")
      #expect(
        error.message
          == "the batch at offset \(message.baseOffset) is damaged: its header does not match its checksum")
    }
  }

  @Test func `A later format version is named`() throws {
    var message = try fetched()
    message.formatVersion = 2
    #expect(refusal(message) == RecordBatchError(.dataLoss, "a batch of format version 2; this release reads 1"))
  }

  @Test func `Offsets past the number range are refused though the checksum fits`() throws {
    var header = RecordBatchHeader.sample
    header.baseOffset = Offset(Int64.max - 9)
    #expect(refusal(try fetched(header))?.code == .dataLoss)
  }
}
