internal import NIOCore
internal import TailraceWire

/// The `.index` and `.timeindex` files beside a segment: written when it is finished and at a clean stop, not fsynced.
///
/// Both begin with the same header; numbers are little-endian:
///
/// | at | bytes | content |
/// |---:|---:|---|
/// |  0 | 4 | `TRIX` in `.index`, `TRTX` in `.timeindex` |
/// |  4 | 4 | format version: 1 |
/// |  8 | 8 | base offset of the segment |
/// | 16 | 8 | bytes of the segment that are covered, from its start |
/// | 24 | 8 | highest timestamp in them, milliseconds since 1970 |
/// | 32 | 8 | append time of the first batch, in the same unit |
/// | 40 | 8 | append time of the last batch |
/// | 48 | 4 | where the last batch begins |
/// | 52 | 4 | records_crc32c of the last batch |
/// | 56 | 4 | number of entries |
/// | 60 | 4 | CRC-32C of the entries |
/// | 64 | 4 | CRC-32C of bytes 0 to 63 |
/// | 68 |   | the entries |
///
/// An entry of `.index` is an offset relative to the base and a position, 4 bytes each; one of `.timeindex` is 8 bytes,
/// the highest timestamp of all batches before the entry of `.index` at the same place.
///
/// They are derived from the segment and never trusted over it: a file that is missing, short, damaged or of another log
/// (the last batch is not where it says) counts as not there, and the index is built from the segment anew. A crash may
/// leave any part of them.
struct SegmentIndexFile {
  let fileSystem: any FileSystem
  let baseOffset: Offset
  /// Of the `.log` file.
  let logPath: String

  private static let version: UInt32 = 1
  private static let headerByteCount = 68
  private static let offsetMagic: UInt32 = 0x5849_5254
  private static let timeMagic: UInt32 = 0x5854_5254
  static let entryBytes = 8
  /// More than a segment of 2 GiB has.
  private static let maxEntries = 1 << 20

  static let suffixes = [".index", ".timeindex"]

  /// An index and how much of the segment it covers.
  struct Loaded {
    var index: SegmentIndex
    var coveredBytes: Int
  }

  private func path(_ suffix: String) -> String { logPath.dropLast(LogSegment.suffix.count) + suffix }

  // MARK: - Writing

  /// Writes both files.
  func write(_ index: SegmentIndex, coveredBytes: Int) throws(FileSystemError) {
    guard let summary = index.summary else { return }
    var offsets = ByteBuffer()
    for entry in index.offsets.entries {
      offsets.writeMultipleIntegers(entry.relativeOffset, entry.position, endianness: .little)
    }
    var times = ByteBuffer()
    for time in index.times.maxima { times.writeInteger(time, endianness: .little) }
    try write(offsets, Self.offsetMagic, summary, coveredBytes, to: path(Self.suffixes[0]))
    try write(times, Self.timeMagic, summary, coveredBytes, to: path(Self.suffixes[1]))
  }

  private func write(
    _ entries: ByteBuffer, _ magic: UInt32, _ summary: SegmentSummary, _ coveredBytes: Int, to path: String
  ) throws(FileSystemError) {
    var header = ByteBuffer()
    header.writeMultipleIntegers(magic, Self.version, endianness: .little)
    header.writeMultipleIntegers(
      baseOffset.rawValue, Int64(coveredBytes), summary.maxTimestampMs, summary.firstAppendMs, summary.lastAppendMs,
      endianness: .little)
    header.writeMultipleIntegers(
      summary.lastPosition, summary.lastRecordsCRC32C, UInt32(entries.readableBytes / Self.entryBytes),
      CRC32C.checksum(entries), endianness: .little)
    header.writeInteger(CRC32C.checksum(header), endianness: .little)
    let outcome = try fileSystem.open(path, .replace).write([header, entries], at: 0)
    if let error = outcome.error { throw error }
  }

  /// Removes both files, where they are there.
  func remove() throws(FileSystemError) {
    for suffix in Self.suffixes { try fileSystem.removeFile(path(suffix)) }
  }

  // MARK: - Reading

  /// The index as the files have it; nil where they do not belong to the first `byteCount` bytes of `log`.
  func load(of log: any File, byteCount: Int) -> Loaded? {
    guard let offsets = read(Self.suffixes[0], Self.offsetMagic), let times = read(Self.suffixes[1], Self.timeMagic),
      offsets.header == times.header, offsets.header.coveredBytes <= byteCount, isOf(log, offsets.header)
    else { return nil }
    var entries: [OffsetIndex.Entry] = []
    entries.reserveCapacity(offsets.header.entryCount)
    var rest = offsets.entries
    while let (offset, position) = rest.readMultipleIntegers(endianness: .little, as: (UInt32, UInt32).self) {
      entries.append(OffsetIndex.Entry(relativeOffset: offset, position: position))
    }
    var maxima: [Int64] = []
    maxima.reserveCapacity(offsets.header.entryCount)
    rest = times.entries
    while let time = rest.readInteger(endianness: .little, as: Int64.self) { maxima.append(time) }
    return Loaded(
      index: SegmentIndex(
        offsets: OffsetIndex(entries: entries), times: TimeIndex(maxima: maxima), summary: offsets.header.summary),
      coveredBytes: offsets.header.coveredBytes)
  }

  /// The summary alone, of a segment of `byteCount` bytes that is covered wholly; nil where the file does not say so, or
  /// does not belong to `log`.
  func loadSummary(of log: any File, byteCount: Int) -> SegmentSummary? {
    do throws(FileSystemError) {
      let file = try fileSystem.open(path(Self.suffixes[0]), .read)
      guard let header = parse(try file.read(Self.headerByteCount, at: 0), Self.offsetMagic),
        header.coveredBytes == byteCount, isOf(log, header)
      else { return nil }
      return header.summary
    } catch { return nil }
  }

  /// Whether the file of this name is whole and matches its checksums; not whether it belongs to the segment.
  static func isIntact(_ name: String, in directory: String, _ fileSystem: any FileSystem) -> Bool {
    for (suffix, magic) in zip(suffixes, [offsetMagic, timeMagic]) {
      guard let base = LogSegment.baseOffset(ofFileName: name, suffix: suffix) else { continue }
      let logPath = "\(directory)/\(LogSegment.fileName(base))"
      return SegmentIndexFile(fileSystem: fileSystem, baseOffset: base, logPath: logPath).read(suffix, magic) != nil
    }
    return false
  }

  private struct Header: Equatable {
    var coveredBytes: Int
    var summary: SegmentSummary
    var entryCount: Int
    var entriesCRC32C: UInt32

    static func == (left: Header, right: Header) -> Bool {
      left.coveredBytes == right.coveredBytes && left.summary == right.summary && left.entryCount == right.entryCount
    }
  }

  private func read(_ suffix: String, _ magic: UInt32) -> (header: Header, entries: ByteBuffer)? {
    do throws(FileSystemError) {
      let file = try fileSystem.open(path(suffix), .read)
      guard let header = parse(try file.read(Self.headerByteCount, at: 0), magic) else { return nil }
      let entries = try file.read(header.entryCount * Self.entryBytes, at: Self.headerByteCount)
      guard entries.readableBytes == header.entryCount * Self.entryBytes,
        CRC32C.checksum(entries) == header.entriesCRC32C
      else { return nil }
      return (header, entries)
    } catch { return nil }
  }

  private func parse(_ bytes: ByteBuffer, _ magic: UInt32) -> Header? {
    var bytes = bytes
    guard let content = bytes.getSlice(at: bytes.readerIndex, length: Self.headerByteCount - 4),
      let (found, version) = bytes.readMultipleIntegers(endianness: .little, as: (UInt32, UInt32).self),
      found == magic, version == Self.version,
      let (base, covered, highest, first, last) = bytes.readMultipleIntegers(
        endianness: .little, as: (Int64, Int64, Int64, Int64, Int64).self),
      let (position, recordsCRC, count, entriesCRC, checksum) = bytes.readMultipleIntegers(
        endianness: .little, as: (UInt32, UInt32, UInt32, UInt32, UInt32).self),
      checksum == CRC32C.checksum(content), base == baseOffset.rawValue, count > 0, count <= Self.maxEntries
    else { return nil }
    return Header(
      coveredBytes: Int(covered),
      summary: SegmentSummary(
        maxTimestampMs: highest, firstAppendMs: first, lastAppendMs: last, lastPosition: position,
        lastRecordsCRC32C: recordsCRC),
      entryCount: Int(count), entriesCRC32C: entriesCRC)
  }

  /// Whether the last batch that is covered stands where the header says.
  private func isOf(_ log: any File, _ header: Header) -> Bool {
    var scanner = BatchScanner(
      file: log, from: Int(header.summary.lastPosition), byteCount: header.coveredBytes,
      windowBytes: RecordBatchHeader.byteCount)
    do throws(BatchScanner.Fault) {
      guard let last = try scanner.nextChecked() else { return false }
      return last.end == header.coveredBytes && last.header.recordsCRC32C == header.summary.lastRecordsCRC32C
    } catch { return false }
  }
}
