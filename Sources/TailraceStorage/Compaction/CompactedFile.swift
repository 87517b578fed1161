internal import NIOCore
internal import TailraceWire

/// The file that is to replace a group of segments, while it is written, and its index. Created with the first byte.
struct CompactedFile {
  let swap: SegmentSwap
  private let files: OpenFiles
  /// Nil until something is written.
  private var file: (any File)?
  private var index = SegmentIndex()
  private var buffer = ByteBuffer()
  /// Bytes that are in the file.
  private var writtenBytes = 0

  private static let chunkBytes = 1 << 20

  init(_ swap: SegmentSwap, _ files: OpenFiles) {
    self.swap = swap
    self.files = files
  }

  /// Bytes so far.
  var byteCount: Int { writtenBytes + buffer.readableBytes }

  var isBegun: Bool { byteCount > 0 }

  /// Adds a batch.
  mutating func append(_ header: RecordBatchHeader, _ records: ByteBuffer) throws(CompactionStop) {
    note(header, at: byteCount)
    header.write(to: &buffer)
    buffer.writeImmutableBuffer(records)
    try flush(ifOver: Self.chunkBytes)
  }

  /// Adds a range of another segment. Its batches are to be noted.
  mutating func copy(_ range: Range<Int>, of source: any File) throws(CompactionStop) {
    var at = range.lowerBound
    while at < range.upperBound {
      let count = min(Self.chunkBytes, range.upperBound - at)
      let bytes: ByteBuffer
      do throws(FileSystemError) { bytes = try source.read(count, at: at) } catch { throw CompactionStop(error) }
      guard bytes.readableBytes == count else {
        throw .barred(StorageError(.dataLoss, "\(source.path) is shorter than it was"))
      }
      buffer.writeImmutableBuffer(bytes)
      at += count
      try flush(ifOver: Self.chunkBytes)
    }
  }

  /// Notes a batch that begins at `position`; batches come in order.
  mutating func note(_ header: RecordBatchHeader, at position: Int) {
    let relative = UInt32(clamping: header.baseOffset.rawValue - swap.base.rawValue)
    index.add(header, relativeOffset: relative, position: position)
  }

  private mutating func flush(ifOver limit: Int = 0) throws(CompactionStop) {
    guard buffer.readableBytes > limit else { return }
    guard byteCount <= Int(Int32.max) else {
      throw .barred(StorageError(.failed, "\(swap.path(.log)) would be 2 GiB or larger after compaction"))
    }
    do throws(FileSystemError) {
      let outcome = try open().write([buffer], at: writtenBytes)
      if let error = outcome.error { throw error }
      writtenBytes += outcome.byteCount
    } catch {
      throw CompactionStop(error)
    }
    buffer.clear()
  }

  private mutating func open() throws(FileSystemError) -> any File {
    if let file { return file }
    let new = try files.open(swap.path(.compacting), .replace)
    file = new
    return new
  }

  /// Brings the file to disk. The segment it is to be, its file pinned: at its own path it stands later; and its
  /// length. Nil where nothing was written.
  mutating func finish() throws(CompactionStop) -> (segment: LogSegment, byteCount: Int)? {
    try flush()
    guard let file else { return nil }
    do throws(FileSystemError) { try file.sync() } catch { throw CompactionStop(error) }
    let segment = LogSegment(
      baseOffset: swap.base, path: swap.path(.log), byteCount: writtenBytes, pinning: file, files: files)
    segment.seal(byteCount: writtenBytes)
    segment.completeIndex(with: index, below: writtenBytes)
    return (segment, writtenBytes)
  }
}
