import NIOCore
@testable import TailraceStorage
import TailraceTesting
import TailraceWire

/// A file in memory, to be read only.
final class BytesFile: File {
  let path = "/memory/00000000000000000000.log"
  let bytes: ByteBuffer

  init(_ bytes: ByteBuffer) { self.bytes = bytes }

  func read(into target: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int {
    let count = max(0, min(target.count, bytes.readableBytes - position))
    bytes.withUnsafeReadableBytes { source in
      target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[position..<(position + count)]))
    }
    return count
  }

  func write(_ buffers: [ByteBuffer], at position: Int) -> WriteOutcome {
    WriteOutcome(byteCount: 0, error: FileSystemError(call: "write", path: path, code: 9))
  }
  func sync() throws(FileSystemError) {}
  func truncate(to byteCount: Int) throws(FileSystemError) {}
  func byteCount() throws(FileSystemError) -> Int { bytes.readableBytes }
  func chunk(_ range: Range<Int>) -> Chunk {
    .bytes(bytes.getSlice(at: range.lowerBound, length: range.count) ?? ByteBuffer())
  }
}

/// A segment as an append writes it, or with headers that `change` altered; their checksums are made after that.
struct SegmentBytes {
  var bytes = ByteBuffer()
  /// Where each batch begins, and where the last one ends.
  var boundaries = [0]
  var nextOffset: Int64

  init(from base: Int64 = 0) { nextOffset = base }

  mutating func append(_ batch: ValidatedBatch, _ change: (inout RecordBatchHeader) -> Void = { _ in }) {
    append(batch.header, batch.records, change)
  }

  /// The checksum of the records is made here, too.
  mutating func append(
    _ header: RecordBatchHeader, _ records: ByteBuffer, _ change: (inout RecordBatchHeader) -> Void = { _ in }
  ) {
    var header = header
    header.baseOffset = Offset(nextOffset)
    header.recordsLength = UInt32(records.readableBytes)
    header.recordsCRC32C = CRC32C.checksum(records)
    change(&header)
    header.write(to: &bytes)
    bytes.writeImmutableBuffer(records)
    boundaries.append(bytes.readableBytes)
    nextOffset = header.nextOffset?.rawValue ?? nextOffset
  }

  /// The same with one bit the other way.
  func flipped(bit: Int) -> ByteBuffer {
    var copy = bytes
    let old = copy.getInteger(at: bit / 8, as: UInt8.self) ?? 0
    copy.setInteger(old ^ (1 << UInt8(bit % 8)), at: bit / 8)
    return copy
  }

  /// The beginning of the batch that the byte belongs to.
  func batchPosition(ofByte index: Int) -> Int { boundaries.last { $0 <= index } ?? 0 }
}

/// All that a verifier says of a segment.
struct SegmentVerdict {
  var findings: [VerifyFinding]
  var totals: VerifyTotals
  var end: Int64

  init(_ bytes: ByteBuffer, base: Int64 = 0, nextBase: Int64? = nil, isDeep: Bool = false, pieceBytes: Int = 64) {
    var verifier = SegmentVerifier(
      file: BytesFile(bytes), byteCount: bytes.readableBytes, base: Offset(base), nextBase: nextBase.map { Offset($0) },
      isDeep: isDeep)
    findings = []
    while !verifier.isAtEnd { findings += verifier.advance(maxBytes: pieceBytes) }
    totals = verifier.totals
    end = verifier.end.rawValue
  }
}
