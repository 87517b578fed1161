import Foundation
import NIOCore

@testable import TailraceWire

/// The files that clients in all languages check: `proto/testdata/README.md` says what is in them.
enum GoldenFiles {
  /// The bytes of one.
  static func read(_ name: String) throws -> ByteBuffer {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
    return ByteBuffer(bytes: try Data(contentsOf: root.appending(path: "proto/testdata").appending(path: name)))
  }

  static let baseTimestampMs: Int64 = 1_700_000_000_000

  /// All that may be absent, empty, negative or long.
  static let records = [
    Record(
      key: buffer("user-1"), value: buffer("hello"),
      headers: [
        Header(key: "source", value: buffer("interop")), Header(key: "empty", value: ByteBuffer()),
        Header(key: "absent"),
      ]),
    Record(value: buffer("no key")),
    Record(key: ByteBuffer(), value: ByteBuffer(), timestampDeltaMs: -5),
    Record(key: buffer("gone"), timestampDeltaMs: 300),
    Record(key: buffer("schlüssel"), value: ByteBuffer(bytes: 0...255)),
    Record(key: buffer("long"), value: buffer(String(repeating: "tailrace ", count: 100)), offsetDelta: 5),
  ]

  /// The records as a producer sends them.
  static func producedBatch() throws -> RecordBatch {
    let set = try RecordSet(records: records).encoded()
    return RecordBatch(
      formatVersion: 1, recordCount: 6, lastOffsetDelta: 5, baseTimestampMs: baseTimestampMs,
      maxTimestampMs: baseTimestampMs + 300, recordsCRC32C: CRC32C.checksum(set), records: set)
  }

  /// The header of the stored batches, around other records.
  static func header(_ compression: Compression, records: ByteBuffer) -> RecordBatchHeader {
    RecordBatchHeader(
      baseOffset: Offset(42), recordCount: 6, lastOffsetDelta: 5, partitionEpoch: 3, baseTimestampMs: baseTimestampMs,
      maxTimestampMs: baseTimestampMs + 300, appendTimestampMs: baseTimestampMs + 1000,
      attributes: BatchAttributes(compression: compression), producerID: 4711, producerEpoch: 2, baseSequence: 100,
      durableEnd: Offset(40), recordsLength: UInt32(records.readableBytes), recordsCRC32C: CRC32C.checksum(records))
  }
}
