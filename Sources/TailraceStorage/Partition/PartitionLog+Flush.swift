internal import Logging
internal import Synchronization
internal import TailraceWire

extension PartitionLog {
  /// A checkpoint is written after so many bytes: more than that no start has to check of this partition.
  static let checkpointBytes = 32 << 20

  /// Brings everything that is written now to disk, and moves the durable end. Blocks; one at a time. The effects are
  /// the caller's to carry out.
  func flush() -> LogEffects {
    flushing.withLock { written in
      let (begun, left) = state.withLock { state in
        var effects = LogEffects()
        return (state.beginFlush(directory: directory, &effects), effects)
      }
      guard let job = begun else { return left }
      do throws(FileSystemError) {
        for segment in job.segments { try segment.file().sync() }
        if let directory = job.directory { try fileSystem.syncDirectory(directory) }
      } catch {
        guard ending?.kind != .unknownPartition else { return LogEffects() }
        if error.isFailedOpenForResources { return putOff(job, error) }
        logger.error(
          "fsync failed: the partition is read-only", metadata: .keys([.partition: "\(id)", .error: "\(error)"]))
        return state.withLock { $0.failFlush(error) }
      }
      let nowMs = clock.nowMs()
      let effects = state.withLock { $0.endFlush(job, nowMs: nowMs) }
      for segment in job.finished { segment.keepIndex() }
      if job.coversRoll || job.bytesPast(written) >= Self.checkpointBytes { writeCheckpoint(&written) }
      return effects
    }
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
  /// start, no more.
  private func writeCheckpoint(_ written: inout PartitionState?) {
    do throws(StorageError) {
      try write(snapshot(isClean: false), &written)
    } catch {
      logger.warning("checkpoint not written", metadata: .keys([.partition: "\(id)", .error: "\(error)"]))
    }
  }

  /// What the state file is to say now. `isClean`: whether all is on disk and nothing more will be written.
  /// `logStart`: where it is about to move; nil where it stays.
  func snapshot(isClean: Bool, logStart: Offset? = nil) -> PartitionState {
    state.withLock { state in
      PartitionState(
        topicID: id.topic.bytes, partition: id.index, logStartOffset: (logStart ?? state.logStart).rawValue,
        durableEndOffset: state.durableEnd.offset.rawValue, partitionEpoch: state.partitionEpoch,
        cleanEndOffset: isClean ? state.logEnd.offset.rawValue : nil,
        durableEndSegment: state.durableEnd.segment.rawValue,
        durableEndPosition: UInt32(clamping: state.durableEnd.position),
        lastAppendTimestampMs: state.lastAppendTimestampMs, epochs: state.epochs,
        compactedEndOffset: state.compactedEnd.rawValue, compactions: state.compactions)
    }
  }

  func write(_ next: PartitionState, _ written: inout PartitionState?) throws(StorageError) {
    guard next != written else { return }
    written = nil
    try StateFile.write(next, directory: directory, fileSystem: fileSystem)
    written = next
  }

  /// Flushes for the last time and writes the state file. Nil where the partition is damaged or failed and so not
  /// clean. Appends must have been stopped.
  func closeCleanly(_ flusher: Flusher) throws(StorageError) -> CleanShutdown.Entry? {
    flusher.carryOut(flush(), of: self)
    return try closeFlushed()
  }

  private func closeFlushed() throws(StorageError) -> CleanShutdown.Entry? {
    let end: CleanShutdown.Entry? = state.withLock { state in
      guard state.fault == nil, !state.isDirty else { return nil }
      return CleanShutdown.Entry(
        logEnd: state.logEnd.offset, lastSegment: state.logEnd.segment, lastSegmentBytes: state.logEnd.position,
        lastAppendTimestampMs: state.lastAppendTimestampMs)
    }
    guard let end else { return nil }
    state.withLock { $0.activeSegment }.writeIndexFiles(coveredBytes: end.lastSegmentBytes)
    let result: Result<Void, StorageError> = flushing.withLock { written in
      do throws(StorageError) {
        try write(snapshot(isClean: true), &written)
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
    return end
  }
}
