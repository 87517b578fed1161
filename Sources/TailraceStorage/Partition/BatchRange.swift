internal import NIOCore
internal import TailraceWire

/// Finds the range of a segment file that answers a read: whole batches, from the one that holds the offset on.
///
/// Index entries are batch boundaries and serve as ends; headers are walked only from the entry before the start, and
/// for the end only where no entry lies in the range.
struct BatchRange {
  let segment: LogSegment
  let file: any File
  /// Batch boundary below which all may be read.
  let limit: Int
  /// Why nothing is to be found from `limit` on; nil where that is no damage.
  let damage: StorageError?

  /// What is read at once to walk headers: the distance of two index entries, and then some.
  private static let windowBytes = 8 << 10
  private static let windows = BufferPool()

  /// The range, from the batch that holds `offset`; empty where the first batch is larger than `maxBytes` and must not
  /// be. `floor`: a batch boundary at or before the offset. `.dataLoss` where no batch spans the offset.
  func find(
    _ offset: Offset, from floor: IndexedPlace, maxBytes: Int, mayExceed: Bool
  ) throws(StorageError) -> Range<Int> {
    if floor.offset == offset, floor.position < limit, limit - floor.position <= maxBytes {
      return floor.position..<limit
    }
    return try Self.windows.withBuffer { window throws(StorageError) in
      var scanner = BatchScanner(
        file: file, from: floor.position, byteCount: limit, windowBytes: Self.windowBytes, window: window)
      window = ByteBuffer()
      defer { window = scanner.window }
      return try find(offset, from: floor, maxBytes: maxBytes, mayExceed: mayExceed, &scanner)
    }
  }

  private func find(
    _ offset: Offset, from floor: IndexedPlace, maxBytes: Int, mayExceed: Bool, _ scanner: inout BatchScanner
  ) throws(StorageError) -> Range<Int> {
    let start = floor.offset == offset ? floor.position : try findStart(offset, &scanner)
    guard start < limit else { throw hole(offset) }
    if limit - start <= maxBytes { return start..<limit }
    let target = start + max(0, maxBytes)
    if let entry = segment.floor(ofPosition: min(target, limit)), entry.position > start {
      return start..<entry.position
    }
    scanner.move(to: start)
    return start..<(try findEnd(from: start, target: target, mayExceed: mayExceed, &scanner))
  }

  /// An offset below the high watermark that no batch spans is lost: offsets are given without gaps, and nothing takes
  /// a batch out of a log. Where records are taken out of batches, the batches keep their spans, so that this still
  /// holds: the batch that spans the offset answers, whether it has a record there or not. An empty answer instead
  /// would have the reader ask for ever, and the next batch would hide that something is missing.
  private func findStart(_ offset: Offset, _ scanner: inout BatchScanner) throws(StorageError) -> Int {
    while let batch = try scanner.next() {
      if batch.header.baseOffset > offset { break }
      guard let next = batch.header.nextOffset, next <= offset else { return batch.position }
    }
    throw hole(offset)
  }

  private func hole(_ offset: Offset) -> StorageError {
    damage ?? StorageError(.dataLoss, "offset \(offset) is in no batch of \(segment.path)")
  }

  /// Damage behind the first batch ends the range before it: whoever asks for more is told then.
  private func findEnd(
    from start: Int, target: Int, mayExceed: Bool, _ scanner: inout BatchScanner
  ) throws(StorageError) -> Int {
    var end = start
    do throws(BatchScanner.Fault) {
      while let batch = try scanner.nextChecked(), batch.end <= target || (mayExceed && end == start) {
        end = batch.end
      }
    } catch {
      guard case .notABatch = error, end > start else { throw scanner.storageError(error) }
    }
    return end
  }
}
