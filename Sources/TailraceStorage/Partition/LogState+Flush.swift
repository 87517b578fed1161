internal import TailraceWire

/// What one flush brings to disk, taken at one moment.
struct FlushJob {
  /// In offset order.
  var segments: [LogSegment]
  var directory: String?
  /// Segments that were finished since the last flush.
  var finished: [LogSegment]
  /// The log's end at that moment: the durable end, once all is done.
  var target: LogPosition

  /// What is remembered of producers up to `target`, where a checkpoint is to follow.
  var checkpoint: ProducerState?
}

extension LogState {
  /// Whether there is something to bring to disk.
  var isDirty: Bool { logEnd.offset > durableEnd.offset || isDirectoryUnsynced }

  /// Whether a job is under way: its segments' files are pinned until it ends.
  var isFlushRunning: Bool { flushStage == .running || flushStage == .runningAndWanted }

  /// Asks for a flush where the topic, or somebody who waits, needs one.
  mutating func wantFlush(nowMs: Int64, _ effects: inout LogEffects) {
    guard isDirty, refusal == nil else { return }
    // Finished segments are brought to disk on every topic, so that their files need not stay open.
    if config.durability == .durable || !durableWaiters.isEmpty || unsynced.count > 1
      || !finished.isEmpty || hasManyUnsyncedBytes || activeSegment.files.hasManyPinned
    {
      effects.wantsFlush = askFlusher() || effects.wantsFlush
    } else if case .interval(let milliseconds) = config.durability, flushDueMs == nil {
      let (due, overflow) = nowMs.addingReportingOverflow(max(0, milliseconds))
      timeFlush(at: overflow ? .max : due, &effects)
    }
  }

  /// Has the flusher's timer ask for a flush at `dueMs`.
  private mutating func timeFlush(at dueMs: Int64, _ effects: inout LogEffects) {
    flushDueMs = dueMs
    effects.flushDueMs = dueMs
  }

  /// Whether an `interval` topic has so much that is not on disk that its time does not matter.
  private var hasManyUnsyncedBytes: Bool {
    guard case .interval = config.durability else { return false }
    let start = durableEnd.segment == logEnd.segment ? durableEnd.position : 0
    return logEnd.position - start >= Self.checkpointBytes
  }

  /// True where the caller is to hand the partition to the flusher.
  mutating func askFlusher() -> Bool {
    switch flushStage {
    case .idle:
      flushStage = .queued
      return true
    case .running:
      flushStage = .runningAndWanted
      return false
    case .queued, .runningAndWanted, .putBack:
      return false
    }
  }

  /// The same for a flush that was timed at `dueMs`, also one that was put back; false where it was carried out before.
  mutating func askFlusher(dueMs: Int64) -> Bool {
    guard flushDueMs == dueMs else { return false }
    if flushStage == .putBack { flushStage = .idle }
    return askFlusher()
  }

  /// A checkpoint is written after so many bytes: not many more does a start have to check of this partition.
  static let checkpointBytes = 32 << 20

  /// How many bytes the log's end is past the checkpoint in `state`, at least; 0 where there is none.
  private func bytesPast(_ state: PartitionState?) -> Int {
    guard let state else { return 0 }
    return logEnd.position - (logEnd.segment.rawValue == state.durableEndSegment ? Int(state.durableEndPosition) : 0)
  }

  /// Takes out what is to be flushed; nil where there is nothing, or nothing may be: then nobody waits any more.
  /// `written`: what the state file says. `needsCheckpoint`: one is to follow in any case.
  mutating func beginFlush(
    directory: String, written: PartitionState?, needsCheckpoint: Bool, _ effects: inout LogEffects
  ) -> FlushJob? {
    flushDueMs = nil
    guard fault == nil, ending?.kind != .unknownPartition, isDirty || needsCheckpoint else {
      flushStage = .idle
      if let refusal = fault ?? ending { releaseWaiters(refusal, &effects) }
      return nil
    }
    flushStage = .running
    // A finished segment is worth a checkpoint, and so are many bytes.
    let isCheckpointDue = needsCheckpoint || isDirectoryUnsynced || bytesPast(written) >= Self.checkpointBytes
    let job = FlushJob(
      segments: unsynced, directory: isDirectoryUnsynced ? directory : nil, finished: finished, target: logEnd,
      checkpoint: isCheckpointDue ? producers : nil)
    unsynced = []
    finished = []
    isDirectoryUnsynced = false
    return job
  }

  /// All of `job` is on disk: moves the durable end, and completes who waited for it.
  mutating func endFlush(_ job: FlushJob, nowMs: Int64) -> LogEffects {
    var effects = LogEffects()
    isFlushPutOff = false
    // The same offset may be in a new segment by now.
    if job.target.offset >= durableEnd.offset { durableEnd = job.target }
    for segment in job.segments where segment !== unsynced.first { segment.unpinFile() }
    while let waiter = durableWaiters.first, waiter.end <= durableEnd.offset {
      durableWaiters.removeFirst()
      effects.resolve(waiter.completion, waiter.outcome)
    }
    advanceHighWatermark(&effects)
    notePreallocation(after: job)
    let isWanted = flushStage == .runningAndWanted
    flushStage = .idle
    if isWanted, isDirty, ending == nil { effects.wantsFlush = askFlusher() }
    if !isWanted { wantFlush(nowMs: nowMs, &effects) }
    return effects
  }

  /// The checkpoint that was due at `end` was written, or not. Returns whether that is news.
  mutating func endCheckpoint(at end: Offset, isWritten: Bool) -> Bool {
    if isWritten { checkpointEnd = max(checkpointEnd, end) }
    defer { isCheckpointMissing = !isWritten }
    return isCheckpointMissing == isWritten
  }

  /// How long a flush that could not open a file is put off, milliseconds.
  static let putOffMs: Int64 = 100

  /// `job` could not be carried out for want of descriptors or memory: it is taken back in, and the flush timed anew.
  /// Who waits goes on waiting.
  mutating func putBackFlush(_ job: FlushJob, nowMs: Int64) -> LogEffects {
    var effects = LogEffects()
    let isContinued = unsynced.first.map { $0 === job.segments.last } ?? false
    unsynced = (isContinued ? job.segments.dropLast() : job.segments) + unsynced
    finished = job.finished + finished
    isDirectoryUnsynced = isDirectoryUnsynced || job.directory != nil
    flushStage = .putBack
    isFlushPutOff = true
    let (due, overflow) = nowMs.addingReportingOverflow(Self.putOffMs)
    timeFlush(at: overflow ? .max : due, &effects)
    return effects
  }

  /// Something did not get to disk. Final: the kernel may have dropped the pages, and would say yes the next time.
  mutating func failFlush(_ error: FileSystemError) -> LogEffects {
    var effects = LogEffects()
    let failure = StorageError(.failed, "read-only until restarted: \(error)")
    fault = failure
    appendTrouble = failure
    flushStage = .idle
    releaseWaiters(failure, &effects)
    return effects
  }
}
