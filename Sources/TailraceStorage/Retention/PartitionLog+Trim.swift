internal import Logging
internal import Synchronization
internal import TailraceWire

extension PartitionLog {
  /// Moves the log's start up to `offset`, nil: to the high watermark; durably, before it returns. Never moves it back.
  /// Returns the log's start. Blocks; not to be called on a thread that serves appends or reads.
  ///
  /// The new start is in the state file before it counts, and before anything is removed, so that no crash brings back
  /// what somebody was told is gone. Segments wholly below it are removed, those that hold something above stay.
  func trim(to offset: Offset?, _ flusher: Flusher) throws(StorageError) -> Offset {
    let target = try trimTarget(offset)
    // The start must not be past what a crash leaves.
    if state.withLock({ $0.durableEnd.offset < target }) { flusher.flush(self) }
    let result: Result<Offset, StorageError> = restructuring.withLock { _ in
      do throws(StorageError) {
        try moveStart(to: target)
        return .success(state.withLock { $0.logStart })
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private func trimTarget(_ offset: Offset?) throws(StorageError) -> Offset {
    let (bounds, refusal) = state.withLock { ($0.bounds, $0.refusal) }
    if let refusal { throw refusal }
    let target = offset ?? bounds.highWatermark
    guard target <= bounds.highWatermark else {
      throw StorageError(
        .offsetOutOfRange,
        "records before offset \(target) cannot be deleted: the log goes from \(bounds.logStart) to"
          + " \(bounds.highWatermark) (readable end)")
    }
    return target
  }

  /// Under `restructuring`.
  private func moveStart(to target: Offset) throws(StorageError) {
    let (start, durableEnd, refusal) = state.withLock { ($0.logStart, $0.durableEnd.offset, $0.refusal) }
    if let refusal { throw refusal }
    if target > start {
      guard target <= durableEnd else {
        throw StorageError(.full, "what lies before offset \(target) could not be brought to disk for now; try again")
      }
      try changeState({ $0.logStartOffset = target.rawValue }, apply: { $0.logStart = target })
    }
    removeTrimmed()
  }

  /// Removes segments that lie wholly below the log's start and the last checkpoint. What cannot be removed now is by
  /// the next start. Under `restructuring`.
  func removeTrimmed() {
    let removed = state.withLock { $0.takeTrimmed() }
    guard !removed.isEmpty else { return }
    do throws(FileSystemError) {
      for segment in removed {
        try LogSegment.removeFiles(segment.path, baseOffset: segment.baseOffset, fileSystem)
      }
      try fileSystem.syncDirectory(directory)
    } catch {
      logger.warning(
        "segments below the log's start not removed: the next start tries again",
        metadata: .keys([.partition: "\(id)", .error: "\(error)"]))
    }
  }
}

extension LogState {
  /// How many segments lie wholly below the log's start and the last checkpoint, and before one that is on disk; never
  /// the active one.
  var trimmedCount: Int {
    let bound = min(logStart, checkpointEnd, durableEnd.segment)
    return segments.lastIndex { $0.baseOffset <= bound } ?? 0
  }

  /// Takes those out.
  mutating func takeTrimmed() -> [LogSegment] {
    let count = trimmedCount
    guard count > 0 else { return [] }
    let removed = Array(segments[..<count])
    segments.removeFirst(count)
    for segment in removed { segment.retire() }
    return removed
  }
}
