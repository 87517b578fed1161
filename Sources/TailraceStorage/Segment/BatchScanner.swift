internal import NIOCore
internal import TailraceWire

/// Walks the headers of a segment file from a batch boundary on, with few, large reads.
struct BatchScanner {
  /// A header and where its batch begins.
  struct Batch {
    let header: RecordBatchHeader
    let position: Int

    var end: Int { position + header.batchByteCount }
  }

  /// Why the bytes at a position are no batch.
  enum Fault: Error {
    case notABatch(String)
    case unreadable(FileSystemError)
  }

  private let file: any File
  private let byteCount: Int
  private let windowBytes: Int
  /// Bytes of the file from `windowStart` on.
  private(set) var window: ByteBuffer
  private var windowStart = 0
  /// Where the next batch begins.
  private(set) var position: Int
  /// Bytes read from the file so far.
  private(set) var loadedBytes = 0

  /// Scans from `position` to `byteCount`, both positions in the file. `window`: empty, and with memory to
  /// read into, if there is some.
  init(
    file: any File, from position: Int = 0, byteCount: Int, windowBytes: Int = 256 << 10,
    window: ByteBuffer = ByteBuffer()
  ) {
    self.window = window
    self.file = file
    self.byteCount = byteCount
    self.windowBytes = windowBytes
    self.position = position
  }

  /// The next batch, its header checked; nil at the end.
  mutating func next() throws(StorageError) -> Batch? {
    do throws(Fault) { return try nextChecked() } catch { throw storageError(error) }
  }

  /// What `fault`, found at the present position, is to a caller of storage: `.dataLoss` where it is damage.
  func storageError(_ fault: Fault) -> StorageError {
    switch fault {
    case .notABatch(let reason):
      StorageError(.dataLoss, "\(file.path) is damaged at position \(position): \(reason)")
    case .unreadable(let cause):
      StorageError(cause, while: "reading a segment")
    }
  }

  /// The same, the error telling damage from a failed read.
  mutating func nextChecked() throws(Fault) -> Batch? {
    guard position < byteCount else { return nil }
    let batch = try header(at: position)
    position = batch.end
    return batch
  }

  /// The batch at `position`, wholly within the file.
  mutating func header(at position: Int) throws(Fault) -> Batch {
    let batch = try parseHeader(at: position)
    guard batch.end <= byteCount else {
      throw .notABatch("the batch ends at \(batch.end), the file at \(byteCount)")
    }
    return batch
  }

  /// The header at `position`; its batch may end past the file.
  mutating func parseHeader(at position: Int) throws(Fault) -> Batch {
    guard byteCount - position >= RecordBatchHeader.byteCount else {
      throw .notABatch("\(byteCount - position) bytes are no whole header")
    }
    try load(position, RecordBatchHeader.byteCount)
    let header = try window.withUnsafeReadableBytes { bytes throws(Fault) in
      do throws(RecordBatchHeaderError) {
        return try RecordBatchHeader(parsing: UnsafeRawBufferPointer(rebasing: bytes[(position - windowStart)...]))
      } catch {
        switch error {
        case .short: throw Fault.notABatch("a header is cut off")
        case .corrupt: throw Fault.notABatch("the header does not match its checksum or form")
        case .unsupportedVersion(let version): throw Fault.notABatch("format version \(version) is not known")
        }
      }
    }
    return Batch(header: header, position: position)
  }

  /// The same; nil where no header stands there: its own checksum is part of it.
  mutating func headerIfAny(at position: Int) throws(Fault) -> Batch? {
    guard byteCount - position >= RecordBatchHeader.byteCount else { return nil }
    do throws(Fault) {
      return try parseHeader(at: position)
    } catch {
      guard case .notABatch = error else { throw error }
      return nil
    }
  }

  /// Goes on after `batch`.
  mutating func skip(_ batch: Batch) { position = batch.end }

  /// Goes on at the batch that begins at `position`.
  mutating func move(to position: Int) { self.position = position }

  /// The checksum of a batch's records as they lie in the file.
  mutating func recordsChecksum(of batch: Batch) throws(Fault) -> UInt32 {
    var checksum: UInt32 = 0
    var at = batch.position + RecordBatchHeader.byteCount
    while at < batch.end {
      try load(at, 1)
      let start = at - windowStart
      let length = min(window.readableBytes - start, batch.end - at)
      checksum = window.withUnsafeReadableBytes {
        CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[start..<(start + length)]), seed: checksum)
      }
      at += length
    }
    return checksum
  }

  /// The records of a batch as they lie in the file. They are held in memory: the caller bounds them.
  mutating func records(of batch: Batch) throws(Fault) -> ByteBuffer {
    let start = batch.position + RecordBatchHeader.byteCount
    let length = Int(batch.header.recordsLength)
    guard length > 0 else { return ByteBuffer() }
    try load(start, length)
    guard let records = window.getSlice(at: start - windowStart, length: length) else {
      throw .notABatch("the file is shorter than it was")
    }
    return records
  }

  /// The first position at or after `start`, and before `end`, whose byte is a batch's first tag; nil where there is
  /// none.
  mutating func nextTag(from start: Int, before end: Int = .max) throws(Fault) -> Int? {
    let end = min(end, byteCount)
    var at = start
    while at < end {
      try load(at, 1)
      let offset = at - windowStart
      let length = min(window.readableBytes, end - windowStart)
      let found = window.withUnsafeReadableBytes { bytes in
        bytes[offset..<length].firstIndex(of: RecordBatchHeader.firstTag)
      }
      if let found { return windowStart + found }
      at = windowStart + window.readableBytes
    }
    return nil
  }

  /// Whether nothing but zeros stands from `position` on: room that was made for batches and not used. No batch begins
  /// with a zero.
  mutating func isUnused(from position: Int) throws(Fault) -> Bool {
    var at = position
    while at < byteCount {
      try load(at, 1)
      let offset = at - windowStart
      let isZero = window.withUnsafeReadableBytes { bytes in bytes[offset...].allSatisfy { $0 == 0 } }
      guard isZero else { return false }
      at = windowStart + window.readableBytes
    }
    return position < byteCount
  }

  /// Makes at least `count` bytes from `position` on available in the window; the file must have them.
  private mutating func load(_ position: Int, _ count: Int) throws(Fault) {
    if position >= windowStart, position + count <= windowStart + window.readableBytes { return }
    window.clear()
    windowStart = position
    do throws(FileSystemError) {
      try file.read(min(max(windowBytes, count), byteCount - position), at: position, into: &window)
    } catch {
      throw .unreadable(error)
    }
    loadedBytes += window.readableBytes
    guard window.readableBytes >= count else { throw .notABatch("the file is shorter than it was") }
  }
}

extension RecordBatchHeader {
  /// The tag with which every batch begins.
  static let firstTag: UInt8 = 0x7A
}
