internal import CTailraceWire
package import NIOCore

/// Builds a batch from single records: the broker does so for plain records, clients for what they send.
package struct RecordSetBuilder {
  /// Base of the records' timestamps, milliseconds since 1970, not negative.
  package let baseTimestampMs: Int64
  package private(set) var count: UInt32 = 0
  /// Bytes of the batch so far, before compression. Kept, for it is asked for with each record.
  package private(set) var byteCount = RecordBatchHeader.byteCount
  private var records: ByteBuffer
  private var maxTimestampMs: Int64
  private var everyRecordHasKey = true

  /// `memory`: empty, to hold the records.
  package init(baseTimestampMs: Int64, memory: ByteBuffer = ByteBuffer()) {
    self.baseTimestampMs = max(0, baseTimestampMs)
    maxTimestampMs = 0
    records = memory
  }

  /// What holds the records.
  package var memory: ByteBuffer { records }

  package var isEmpty: Bool { count == 0 }

  /// Bytes that a record without headers adds at most: more only by the length of its key and value.
  package static let maxRecordOverhead = 32

  /// Adds a record. `timestampMs` is milliseconds since 1970; negative ones count as 0. Returns the bytes that the batch
  /// has more now.
  @discardableResult package mutating func append(
    key: ByteBuffer?, value: ByteBuffer?, headers: [Header] = [], timestampMs: Int64
  ) -> Int {
    let timestampMs = max(0, timestampMs)
    let delta = ZigZag.encode(timestampMs - baseTimestampMs)
    var size = delta == 0 ? 0 : 1 + Varint.byteCount(delta)
    if let key { size += lengthDelimitedByteCount(key.readableBytes) }
    if let value { size += lengthDelimitedByteCount(value.readableBytes) }
    for header in headers { size += lengthDelimitedByteCount(headerByteCount(header)) }
    let growth = records.writeWithUnsafeMutableBytes(minimumWritableBytes: 1 + Varint.byteCount(UInt64(size)) + size) {
      memory in
      var writer = RecordWriter(memory)
      writer.tag(0x0A, varint: UInt64(size))
      if let key { writer.field(0x0A, key) }
      if let value { writer.field(0x12, value) }
      for header in headers { writer.header(header) }
      if delta != 0 { writer.tag(0x20, varint: delta) }
      writer.prefetch(writer.position)
      return writer.position
    }
    count += 1
    byteCount += growth
    maxTimestampMs = max(maxTimestampMs, timestampMs)
    everyRecordHasKey = everyRecordHasKey && key != nil
    return growth
  }

  /// The batch. There must be at least one record.
  package func build(compression: Compression = .none) throws(RecordBatchError) -> ValidatedBatch {
    guard count > 0 else { throw RecordBatchError(.invalidRecord, "a batch holds at least one record") }
    let stored = try compression.compress(records)
    guard stored.readableBytes <= RecordBatchHeader.maxRecordsBytes else {
      throw RecordBatchError(.batchTooLarge, "a batch of \(stored.readableBytes) bytes; no batch is over 2 GiB")
    }
    let header = RecordBatchHeader(
      baseOffset: .zero, recordCount: count, lastOffsetDelta: count - 1, partitionEpoch: 0,
      baseTimestampMs: baseTimestampMs, maxTimestampMs: maxTimestampMs, appendTimestampMs: 0,
      attributes: BatchAttributes(compression: compression), producerID: 0, producerEpoch: 0, baseSequence: 0,
      durableEnd: .zero, recordsLength: UInt32(stored.readableBytes), recordsCRC32C: CRC32C.checksum(stored))
    return ValidatedBatch(header: header, records: stored, everyRecordHasKey: everyRecordHasKey)
  }
}

/// Writes the fields of a record to memory that has room for them.
private struct RecordWriter {
  private let memory: UnsafeMutableRawBufferPointer
  private(set) var position = 0

  init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

  mutating func tag(_ tag: UInt8, varint value: UInt64) {
    memory[position] = tag
    position += 1
    Varint.forEachByte(of: value) { byte in
      memory[position] = byte
      position += 1
    }
  }

  mutating func field(_ tag: UInt8, _ bytes: ByteBuffer) {
    bytes.withUnsafeReadableBytes { self.bytes(tag, $0) }
  }

  mutating func header(_ header: Header) {
    tag(0x1A, varint: UInt64(headerByteCount(header)))
    if !header.key.isEmpty {
      var key = header.key
      key.withUTF8 { bytes(0x0A, UnsafeRawBufferPointer($0)) }
    }
    if let value = header.value { field(0x12, value) }
  }

  /// Has memory of so many bytes behind what was written fetched, as far as there is room: the next record is likely as
  /// long.
  func prefetch(_ byteCount: Int) {
    let count = min(byteCount, memory.count - position, mostPrefetchedBytes)
    trw_prefetch_for_writing(memory.baseAddress.map { $0 + position }, count)
  }

  private mutating func bytes(_ tag: UInt8, _ bytes: UnsafeRawBufferPointer) {
    self.tag(tag, varint: UInt64(bytes.count))
    UnsafeMutableRawBufferPointer(rebasing: memory[position..<position + bytes.count]).copyMemory(from: bytes)
    position += bytes.count
  }
}

/// More would be on its way at a time than a processor's core keeps track of.
private let mostPrefetchedBytes = 2 << 10

private func lengthDelimitedByteCount(_ count: Int) -> Int { 1 + Varint.byteCount(UInt64(count)) + count }

private func headerByteCount(_ header: Header) -> Int {
  (header.key.isEmpty ? 0 : lengthDelimitedByteCount(header.key.utf8.count))
    + (header.value.map { lengthDelimitedByteCount($0.readableBytes) } ?? 0)
}

extension ValidatedBatch {
  /// The batch as a producer sends it.
  package var message: RecordBatch {
    RecordBatch(
      recordCount: header.recordCount, lastOffsetDelta: header.lastOffsetDelta,
      baseTimestampMs: header.baseTimestampMs, maxTimestampMs: header.maxTimestampMs,
      attributes: header.attributes.rawValue, producerID: header.producerID, producerEpoch: header.producerEpoch,
      baseSequence: header.baseSequence, recordsCRC32C: header.recordsCRC32C, records: records)
  }
}
