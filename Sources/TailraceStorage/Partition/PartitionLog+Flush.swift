internal import Logging
internal import Synchronization
internal import TailraceWire

extension PartitionLog {
  /// Brings everything that is written now to disk, and moves the durable end. Blocks; one at a time. The effects are
  /// the caller's to carry out; see `Flusher.flush`. `needsCheckpoint`: also where none is due.
  func flush(needsCheckpoint: Bool) -> LogEffects {
    flushing.withLock { written in
      let (begun, left) = state.withLock { state in
        var effects = LogEffects()
        let job = state.beginFlush(
          directory: directory, written: written, needsCheckpoint: needsCheckpoint, &effects)
        return (job, effects)
      }
      guard let job = begun else { return left }
      do throws(FileSystemError) {
        for segment in job.finished { try cutUnused(segment) }
        for segment in job.segments { try segment.file().sync() }
        if let directory = job.directory { try fileSystem.syncDirectory(directory) }
      } catch {
        guard ending?.kind != .unknownPartition else { return LogEffects() }
        if error.isFailedOpenForResources { return putOff(job, error) }
        return failFlush(error)
      }
      let nowMs = clock.nowMs()
      let effects = state.withLock { $0.endFlush(job, nowMs: nowMs) }
      for segment in job.finished { segment.keepIndex() }
      if let producers = job.checkpoint { writeCheckpoint(producers, at: job.target, &written) }
      return effects
    }
  }

  /// Cuts off the room behind a finished segment. One that was removed meanwhile, or replaced, needs nothing.
  private func cutUnused(_ segment: LogSegment) throws(FileSystemError) {
    guard let byteCount = segment.sealedByteCount else { return }
    do throws(FileSystemError) { try segment.cutUnused(after: byteCount) } catch {
      guard segment.isRetired else { throw error }
    }
  }

  /// Something did not get to disk.
  func failFlush(_ error: FileSystemError) -> LogEffects {
    logger.error(
      "fsync failed: the partition is read-only", metadata: .keys([.partition: "\(id)", .error: "\(error)"]))
    return state.withLock { $0.failFlush(error) }
  }

  /// Nothing is lost yet: tries again soon. Said once, however often it takes.
  private func putOff(_ job: FlushJob, _ error: FileSystemError) -> LogEffects {
    files.closeAll()
    let nowMs = clock.nowMs()
    let (effects, isFirst) = state.withLock { state in
      let isFirst = !state.isFlushPutOff
      return (state.putBackFlush(job, nowMs: nowMs), isFirst)
    }
    if isFirst {
      logger.warning(
        "flush put off, to be tried again", metadata: .keys([.partition: "\(id)", .error: "\(error)"]))
    }
    return effects
  }

  /// Notes the durable end in the state file, so that recovery need not look below it. A failure costs time at the next
  /// start, and until it is made good nothing past the last one is removed from the log.
  private func writeCheckpoint(
    _ producers: ProducerState, at end: LogPosition, _ written: inout PartitionState?
  ) {
    do throws(StorageError) {
      try write(checkpoint(producers, at: end, isClean: false), producers, &written)
      _ = state.withLock { $0.endCheckpoint(at: end.offset, isWritten: true) }
    } catch {
      guard state.withLock({ $0.endCheckpoint(at: end.offset, isWritten: false) }) else { return }
      logger.warning(
        "checkpoint not written, to be tried again", metadata: .keys([.partition: "\(id)", .error: "\(error)"]))
    }
  }

  /// Writes the checkpoint that could not be written when it was due, and removes what had to wait for one. Blocks.
  func catchUp(_ flusher: Flusher) {
    let isMissing = state.withLock { $0.isCheckpointMissing && $0.refusal == nil }
    if isMissing { flusher.flush(self, needsCheckpoint: true) }
    guard state.withLock({ $0.trimmedCount > 0 && $0.refusal == nil }) else { return }
    restructuring.withLock { _ in removeTrimmed() }
  }

  /// What the state file is to say: everything below `end` is on disk. `isClean`: and nothing more will be written.
  private func checkpoint(_ producers: ProducerState, at end: LogPosition, isClean: Bool) -> PartitionState {
    state.withLock { state in
      PartitionState(
        topicID: id.topic.bytes, partition: id.index, logStartOffset: state.logStart.rawValue,
        durableEndOffset: end.offset.rawValue, partitionEpoch: state.partitionEpoch,
        cleanEndOffset: isClean ? end.offset.rawValue : nil, durableEndSegment: end.segment.rawValue,
        durableEndPosition: UInt32(clamping: end.position), lastAppendTimestampMs: state.lastAppendTimestampMs,
        epochs: state.epochs, compactedEndOffset: state.compactedEnd.rawValue, compactions: state.compactions,
        producersEndOffset: producers.isEmpty ? 0 : end.offset.rawValue)
    }
  }

  /// Brings a checkpoint to disk: first what is remembered of producers, then the state file that names it.
  private func write(
    _ next: PartitionState, _ producers: ProducerState, _ written: inout PartitionState?
  ) throws(StorageError) {
    guard next != written else { return }
    let file = ProducerSnapshotFile(fileSystem: fileSystem, directory: directory)
    if !producers.isEmpty { try file.write(producers, at: Offset(next.durableEndOffset)) }
    try write(next, &written)
  }

  /// Changes what the state file says, durably, and leaves its checkpoint where it is. `apply` makes the same change in
  /// memory, once it is on disk, under the partition's lock. No lock of the partition but `restructuring` may be held.
  func changeState(
    _ change: (inout PartitionState) -> Void, apply: (inout LogState) -> Void
  ) throws(StorageError) {
    let result: Result<Void, StorageError> = flushing.withLock { written in
      var next = written ?? fallback
      change(&next)
      do throws(StorageError) { try write(next, &written) } catch { return .failure(error) }
      state.withLock { apply(&$0) }
      return .success(())
    }
    try result.get()
  }

  /// What the state file may say where it is not known what it says: a checkpoint for which the producers are looked up
  /// in the log.
  private var fallback: PartitionState {
    let end = state.withLock { $0.durableEnd }
    var state = checkpoint(ProducerState(), at: end, isClean: false)
    state.producersEndOffset = -1
    return state
  }

  private func write(_ next: PartitionState, _ written: inout PartitionState?) throws(StorageError) {
    guard next != written else { return }
    written = nil
    try StateFile.write(next, directory: directory, fileSystem: fileSystem)
    written = next
  }

  /// Flushes for the last time and writes the state file. Nil where the partition is damaged or failed and so not
  /// clean. Appends must have been stopped.
  func closeCleanly(_ flusher: Flusher) throws(StorageError) -> CleanShutdown.Entry? {
    flusher.flush(self)
    return try closeFlushed()
  }

  private func closeFlushed() throws(StorageError) -> CleanShutdown.Entry? {
    let found:
      (end: LogPosition, entry: CleanShutdown.Entry, producers: ProducerState, active: LogSegment, hasRoom: Bool)? =
        state.withLock { state in
          guard state.fault == nil, !state.isDirty else { return nil }
          let entry = CleanShutdown.Entry(
            logEnd: state.logEnd.offset, lastSegment: state.logEnd.segment, lastSegmentBytes: state.logEnd.position,
            lastAppendTimestampMs: state.lastAppendTimestampMs)
          let hasRoom = state.preallocation.end > state.logEnd.position
          return (state.logEnd, entry, state.producers, state.activeSegment, hasRoom)
        }
    guard let found else { return nil }
    if found.hasRoom {
      do throws(FileSystemError) { try found.active.cutUnused(after: found.end.position) } catch {
        throw StorageError(error, while: "closing partition \(id)")
      }
    }
    found.active.writeIndexFiles(coveredBytes: found.end.position)
    let result: Result<Void, StorageError> = flushing.withLock { written in
      do throws(StorageError) {
        try write(checkpoint(found.producers, at: found.end, isClean: true), found.producers, &written)
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
    return found.entry
  }
}
