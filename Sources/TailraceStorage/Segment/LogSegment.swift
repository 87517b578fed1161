internal import Synchronization
internal import TailraceWire

/// One file of a partition's log: batches one after the other, from `baseOffset` on.
///
/// Opened when first used; an index that is not there is rebuilt from the file when first needed. Thread-safe; its lock
/// is taken inside the partition's and never held across I/O other than opening the file.
final class LogSegment: Sendable {
  let baseOffset: Offset
  let path: String
  private let fileSystem: any FileSystem
  private let contents: Mutex<Contents>

  private struct Contents {
    var file: (any File)?
    /// Of the batches from `indexedFrom` on.
    var index = OffsetIndex()
    /// Where the index begins; 0 = it is complete.
    var indexedFrom: Int
    var damage: SegmentDamage?
  }

  /// A segment of `byteCount` bytes, of which none is indexed yet. `file`: where it is open already.
  init(baseOffset: Offset, path: String, byteCount: Int, file: (any File)? = nil, fileSystem: any FileSystem) {
    self.baseOffset = baseOffset
    self.path = path
    self.fileSystem = fileSystem
    contents = Mutex(Contents(file: file, indexedFrom: byteCount))
  }

  /// `00000000000000000042.log`: the base offset in twenty digits.
  static func fileName(_ baseOffset: Offset) -> String {
    let digits = String(baseOffset.rawValue)
    return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + ".log"
  }

  /// The base offset in a segment's file name; nil where it is no such name.
  static func baseOffset(ofFileName name: String) -> Offset? {
    guard name.hasSuffix(".log"), name.utf8.count == 24 else { return nil }
    let digits = name.dropLast(4)
    guard digits.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
    return Int64(digits).map { Offset($0) }
  }

  /// The open file.
  func file() throws(FileSystemError) -> any File {
    let result: Result<any File, FileSystemError> = contents.withLock { contents in
      if let file = contents.file { return .success(file) }
      do throws(FileSystemError) {
        let file = try fileSystem.open(path, .readWrite)
        contents.file = file
        return .success(file)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// The offset relative to this segment, capped to what an index can hold.
  func relative(_ offset: Offset) -> UInt32 {
    let (difference, overflow) = offset.rawValue.subtractingReportingOverflow(baseOffset.rawValue)
    return overflow ? .max : UInt32(clamping: difference)
  }

  /// Notes a batch that was appended at `position`.
  func noteAppend(of header: RecordBatchHeader, at position: Int) {
    contents.withLock {
      $0.index.add(
        relativeOffset: relative(header.baseOffset), position: position, timestampMs: header.readableMaxTimestampMs)
    }
  }

  /// A batch boundary at or before `offset`; nil where the index must be built first, or there is none.
  func floor(of offset: Offset) -> IndexedPlace? {
    contents.withLock { $0.index.floor(relativeOffset: relative(offset)).map(place) }
  }

  /// The last known batch boundary at or before a position in the file.
  func floor(ofPosition position: Int) -> IndexedPlace? {
    contents.withLock { $0.index.floor(position: position).map(place) }
  }

  /// A batch boundary before which all timestamps are below `timestampMs`; nil where no timestamp of the segment
  /// reaches it. The index must be complete.
  func floor(ofTimestampMs timestampMs: Int64) -> IndexedPlace? {
    contents.withLock { contents in
      guard contents.index.maxTimestampMs >= timestampMs else { return nil }
      return contents.index.floor(timestampMs: timestampMs).map(place)
    }
  }

  private func place(_ entry: OffsetIndex.Entry) -> IndexedPlace {
    IndexedPlace(
      offset: Offset(baseOffset.rawValue + Int64(entry.relativeOffset)), position: Int(entry.position))
  }

  /// Up to where the file is still to be scanned for its index, 0 where it is complete.
  var unindexedByteCount: Int { contents.withLock { $0.indexedFrom } }

  /// Where the scan for the index met bytes that are no batch; nil where it met none, or has not been made.
  var damage: SegmentDamage? { contents.withLock { $0.damage } }

  /// Hands in the index of everything below `byteCount`, which must be what `unindexedByteCount` was before the scan;
  /// with `damage`, of everything below that. Of two scans of the same range the second is dropped.
  func completeIndex(with earlier: OffsetIndex, below byteCount: Int, damage: SegmentDamage? = nil) {
    contents.withLock { contents in
      guard contents.indexedFrom == byteCount, byteCount > 0 else { return }
      contents.index.prepend(earlier)
      contents.indexedFrom = 0
      contents.damage = damage
    }
  }

  /// Builds the index where it is not complete, by reading the headers. Blocks. Damage ends the scan and is remembered:
  /// what lies below can be read, and nobody scans again to find the same.
  func buildIndex() throws(StorageError) {
    let byteCount = unindexedByteCount
    guard byteCount > 0 else { return }
    var scanner = BatchScanner(file: try openFile(), byteCount: byteCount)
    var index = OffsetIndex()
    var damage: SegmentDamage?
    do throws(BatchScanner.Fault) {
      while let batch = try scanner.nextChecked() {
        index.add(
          relativeOffset: relative(batch.header.baseOffset), position: batch.position,
          timestampMs: batch.header.readableMaxTimestampMs)
      }
    } catch {
      let failure = scanner.storageError(error)
      guard case .notABatch = error else { throw failure }
      damage = SegmentDamage(position: scanner.position, error: failure)
    }
    completeIndex(with: index, below: byteCount, damage: damage)
  }

  /// The open file, the error in storage's words.
  func openFile() throws(StorageError) -> any File {
    do throws(FileSystemError) { return try file() } catch { throw StorageError(error, while: "opening a segment") }
  }
}

/// Where a segment is damaged.
struct SegmentDamage {
  /// Batch boundary from which on the bytes cannot be told apart.
  var position: Int
  /// What to answer to who wants something from there; `.dataLoss`.
  var error: StorageError
}

/// A batch boundary in a segment.
struct IndexedPlace {
  var offset: Offset
  var position: Int
}
