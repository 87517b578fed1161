package import NIOCore

internal import CTailraceWire

/// The fixed part of a batch as it stands in a segment file and in a fetch response, from the Segment tag up to the
/// first byte of `records`. Every field is there, in number order, so each stands at a constant place:
///
/// | at | bytes | content |
/// |---:|---:|---|
/// |   0 | 1 | tag `7A`: Segment.batches (15), length-delimited |
/// |   1 | 5 | length of what follows, varint padded to five bytes |
/// |   6 | 5 | `0D` format_version, fixed32: 1 |
/// |  11 | 9 | `11` base_offset, sfixed64 |
/// |  20 | 5 | `1D` record_count, fixed32 |
/// |  25 | 5 | `25` last_offset_delta, fixed32 |
/// |  30 | 5 | `2D` partition_epoch, fixed32 |
/// |  35 | 9 | `31` base_timestamp_ms, sfixed64 |
/// |  44 | 9 | `39` max_timestamp_ms, sfixed64 |
/// |  53 | 9 | `41` append_timestamp_ms, sfixed64 |
/// |  62 | 5 | `4D` attributes, fixed32 |
/// |  67 | 9 | `51` producer_id, sfixed64 |
/// |  76 | 5 | `5D` producer_epoch, fixed32 |
/// |  81 | 5 | `65` base_sequence, fixed32 |
/// |  86 | 9 | `69` durable_end, sfixed64 |
/// |  95 | 5 | `75` records_length, fixed32 |
/// | 100 | 5 | `7D` records_crc32c, fixed32 |
/// | 105 | 6 | `85 01` header_crc32c, fixed32: CRC-32C of bytes 0 to 104 |
/// | 111 | 2 | `8A 01`: records, length-delimited |
/// | 113 | 5 | records_length again, varint padded to five bytes |
/// | 118 |   | `records` |
///
/// Fixed-width numbers are little-endian, as protobuf has them. Whoever reads a header checks all tags, both padded
/// lengths against records_length, and header_crc32c: a batch has one encoding.
package struct RecordBatchHeader: Hashable, Sendable {
  /// Bytes before `records`.
  package static let byteCount = 118
  /// The only version of this format.
  package static let formatVersion: UInt32 = 1
  /// The largest `records`, in bytes: lengths are signed 32-bit numbers to many protobuf libraries.
  package static let maxRecordsBytes = Int(Int32.max) - 256

  package var baseOffset: Offset
  package var recordCount: UInt32
  package var lastOffsetDelta: UInt32
  package var partitionEpoch: UInt32
  package var baseTimestampMs: Int64
  package var maxTimestampMs: Int64
  package var appendTimestampMs: Int64
  package var attributes: BatchAttributes
  package var producerID: Int64
  package var producerEpoch: UInt32
  package var baseSequence: UInt32
  package var durableEnd: Offset
  package var recordsLength: UInt32
  package var recordsCRC32C: UInt32

  /// Bytes of the whole batch.
  package var batchByteCount: Int { Self.byteCount + Int(recordsLength) }

  /// Offset of the last record, inclusive; nil past the end of the number range.
  package var lastOffset: Offset? { baseOffset.advanced(by: Int64(lastOffsetDelta)) }

  /// The offset after the last record; nil past the end of the number range.
  package var nextOffset: Offset? { baseOffset.advanced(by: Int64(lastOffsetDelta) + 1) }

  /// The highest timestamp that readers see, milliseconds since 1970: the append's on topics with append time.
  package var readableMaxTimestampMs: Int64 { attributes.hasAppendTimestamps ? appendTimestampMs : maxTimestampMs }
}

/// Why bytes are not a batch header.
package enum RecordBatchHeaderError: Error, Hashable, Sendable {
  /// Fewer bytes than a header has.
  case short
  /// A tag, a padded length or the header's checksum is wrong: not a batch, or damaged.
  case corrupt
  /// A whole header of a later format version.
  case unsupportedVersion(UInt32)
}

extension RecordBatchHeader {
  private static let tags: [(offset: Int, byte: UInt8)] = [
    (0, 0x7A), (6, 0x0D), (11, 0x11), (20, 0x1D), (25, 0x25), (30, 0x2D), (35, 0x31), (44, 0x39), (53, 0x41),
    (62, 0x4D), (67, 0x51), (76, 0x5D), (81, 0x65), (86, 0x69), (95, 0x75), (100, 0x7D), (105, 0x85), (106, 0x01),
    (111, 0x8A), (112, 0x01),
  ]

  /// Reads a header from the first `byteCount` bytes of `bytes`, checking all of it.
  package init(parsing bytes: UnsafeRawBufferPointer) throws(RecordBatchHeaderError) {
    guard bytes.count >= Self.byteCount else { throw .short }
    for tag in Self.tags where bytes[tag.offset] != tag.byte { throw .corrupt }
    func fixed32(_ at: Int) -> UInt32 {
      UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
    }
    func fixed64(_ at: Int) -> Int64 {
      Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: Int64.self))
    }
    guard fixed32(107) == trw_crc32c(0, bytes.baseAddress, 105) else { throw .corrupt }
    let version = fixed32(7)
    guard version == Self.formatVersion else { throw .unsupportedVersion(version) }
    let length = fixed32(96)
    guard Int(length) <= Self.maxRecordsBytes,
      PaddedVarint.read(bytes, at: 113) == length,
      PaddedVarint.read(bytes, at: 1) == length + UInt32(Self.byteCount - 6)
    else { throw .corrupt }
    self.init(
      baseOffset: Offset(fixed64(12)), recordCount: fixed32(21), lastOffsetDelta: fixed32(26),
      partitionEpoch: fixed32(31), baseTimestampMs: fixed64(36), maxTimestampMs: fixed64(45),
      appendTimestampMs: fixed64(54), attributes: BatchAttributes(rawValue: fixed32(63)), producerID: fixed64(68),
      producerEpoch: fixed32(77), baseSequence: fixed32(82), durableEnd: Offset(fixed64(87)), recordsLength: length,
      recordsCRC32C: fixed32(101))
    guard baseOffset >= .zero, nextOffset != nil else { throw .corrupt }
  }

  /// Writes the header, its checksum included, to the first `byteCount` bytes of `bytes`, which must have room.
  package func write(to bytes: UnsafeMutableRawBufferPointer) {
    precondition(bytes.count >= Self.byteCount && Int(recordsLength) <= Self.maxRecordsBytes)
    for tag in Self.tags { bytes[tag.offset] = tag.byte }
    func put32(_ value: UInt32, _ at: Int) {
      bytes.storeBytes(of: value.littleEndian, toByteOffset: at, as: UInt32.self)
    }
    func put64(_ value: Int64, _ at: Int) {
      bytes.storeBytes(of: value.littleEndian, toByteOffset: at, as: Int64.self)
    }
    PaddedVarint.write(recordsLength + UInt32(Self.byteCount - 6), to: bytes, at: 1)
    put32(Self.formatVersion, 7)
    put64(baseOffset.rawValue, 12)
    put32(recordCount, 21)
    put32(lastOffsetDelta, 26)
    put32(partitionEpoch, 31)
    put64(baseTimestampMs, 36)
    put64(maxTimestampMs, 45)
    put64(appendTimestampMs, 54)
    put32(attributes.rawValue, 63)
    put64(producerID, 68)
    put32(producerEpoch, 77)
    put32(baseSequence, 82)
    put64(durableEnd.rawValue, 87)
    put32(recordsLength, 96)
    put32(recordsCRC32C, 101)
    put32(trw_crc32c(0, bytes.baseAddress, 105), 107)
    PaddedVarint.write(recordsLength, to: bytes, at: 113)
  }

  /// Writes the header to the end of `buffer`.
  package func write(to buffer: inout ByteBuffer) {
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.byteCount) { bytes in
      write(to: bytes)
      return Self.byteCount
    }
  }
}

/// Varints of 32-bit numbers, always five bytes long, so that a length can stand at a constant place.
enum PaddedVarint {
  static let byteCount = 5

  static func write(_ value: UInt32, to bytes: UnsafeMutableRawBufferPointer, at offset: Int) {
    for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (7 * UInt32(index))) | 0x80 }
    bytes[offset + 4] = UInt8(truncatingIfNeeded: value >> 28)
  }

  /// Nil unless all five bytes are there in the padded form.
  static func read(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt32? {
    var value: UInt32 = 0
    for index in 0..<4 {
      guard bytes[offset + index] & 0x80 != 0 else { return nil }
      value |= UInt32(bytes[offset + index] & 0x7F) << (7 * UInt32(index))
    }
    guard bytes[offset + 4] <= 0x0F else { return nil }
    return value | UInt32(bytes[offset + 4]) << 28
  }
}
