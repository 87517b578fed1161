internal import NIOCore
internal import Synchronization
internal import TailraceWire

extension PartitionLog {
  /// The first record below the high watermark whose timestamp is at or after `timestampMs`. Blocks: indexes may have
  /// to be built. `.dataLoss` where damage comes before one is found: the first may have been there.
  func firstOffset(atOrAfter timestampMs: Int64) throws(StorageError) -> TimestampedOffset? {
    let start = timeBounds.withLock { $0.start(for: timestampMs) }
    let (segments, first, logStart, end, unreadable) = state.withLock {
      ($0.segments, $0.segmentIndex(of: start) ?? 0, $0.logStart, $0.highWatermark, $0.unreadable)
    }
    if let unreadable { throw unreadable }
    for index in first..<segments.count where segments[index].baseOffset <= end.segment {
      let segment = segments[index]
      do throws(StorageError) {
        if let found = try firstOffset(in: segment, atOrAfter: timestampMs, from: logStart, end: end) { return found }
        if segment.baseOffset < end.segment, index + 1 < segments.count {
          note(segment, end: segments[index + 1].baseOffset, logStart: max(logStart, segments[0].baseOffset))
        }
      } catch {
        guard segment.isRetired else { throw error }
        // Compaction has put another segment in this one's place.
        return try firstOffset(atOrAfter: timestampMs)
      }
    }
    return nil
  }

  /// Remembers how late the records of a finished segment are.
  private func note(_ segment: LogSegment, end: Offset, logStart: Offset) {
    guard segment.damage == nil, !segment.isRetired, let summary = segment.summaryIfKnown else { return }
    timeBounds.withLock {
      $0.note(from: segment.baseOffset, to: end, maxTimestampMs: summary.maxTimestampMs, logStart: logStart)
    }
  }

  private func firstOffset(
    in segment: LogSegment, atOrAfter timestampMs: Int64, from logStart: Offset, end: LogPosition
  ) throws(StorageError) -> TimestampedOffset? {
    let place = try segment.floor(ofTimestampMs: max(0, timestampMs))
    let damage = segment.damage
    guard let floor = place else {
      if let damage { throw damage.error }
      return nil
    }
    if let damage, floor.position >= damage.position { throw damage.error }
    let file = try segment.openFile()
    var limit = segment.baseOffset == end.segment ? end.position : try length(of: segment, file)
    if let damage { limit = min(limit, damage.position) }
    var scanner = BatchScanner(file: file, from: floor.position, byteCount: limit)
    while let batch = try scanner.next() {
      guard batch.header.readableMaxTimestampMs >= timestampMs else { continue }
      if let found = try firstRecord(in: batch, of: file, atOrAfter: timestampMs, from: logStart) { return found }
    }
    if let damage { throw damage.error }
    return nil
  }

  private func firstRecord(
    in batch: BatchScanner.Batch, of file: any File, atOrAfter timestampMs: Int64, from logStart: Offset
  ) throws(StorageError) -> TimestampedOffset? {
    let records = try bytes(Int(batch.header.recordsLength), at: batch.position + RecordBatchHeader.byteCount, of: file)
    do throws(RecordBatchError) {
      var reader = try RecordBatchReader(header: batch.header, records: records)
      while let record = try reader.next() {
        if record.timestampMs >= timestampMs, record.offset >= logStart {
          return TimestampedOffset(offset: record.offset, timestampMs: record.timestampMs)
        }
      }
      return nil
    } catch {
      throw StorageError(.dataLoss, "\(file.path), position \(batch.position): \(error)")
    }
  }

  private func length(of segment: LogSegment, _ file: any File) throws(StorageError) -> Int {
    do throws(FileSystemError) { return try segment.usedByteCount(of: file) } catch {
      throw StorageError(error, while: "reading")
    }
  }

  /// Exactly `count` bytes.
  func bytes(_ count: Int, at position: Int, of file: any File) throws(StorageError) -> ByteBuffer {
    let bytes: ByteBuffer
    do throws(FileSystemError) {
      bytes = try file.read(count, at: position)
    } catch {
      throw StorageError(error, while: "reading")
    }
    guard bytes.readableBytes == count else { throw StorageError(.dataLoss, "\(file.path) is shorter than it was") }
    return bytes
  }
}
