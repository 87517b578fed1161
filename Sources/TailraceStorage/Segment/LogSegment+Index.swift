internal import Synchronization
internal import TailraceWire

extension LogSegment {
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
