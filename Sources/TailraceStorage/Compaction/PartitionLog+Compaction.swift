internal import Logging
internal import Synchronization
internal import TailraceWire

extension PartitionLog {
  /// Compacts the partition where its topic is compacted and it is time: keeps, of each key, the latest record of what is
  /// finished and older than the lag. Blocks, for as long as reading and writing the log takes; appends, reads and
  /// flushes go on. `isCancelled` is asked between batches. Whoever closes the store must have this returned before.
  ///
  /// Nil where there was nothing to do, or a call is under way already. What it came to is logged.
  func compact(
    _ options: CompactionOptions, nowMs: Int64, isCancelled: @escaping @Sendable () -> Bool
  ) -> CompactionReport? {
    guard beginCompaction() else { return nil }
    let startMs = clock.nowMs()
    var report = CompactionReport()
    do throws(CompactionStop) {
      while let plan = try planCompaction(options, nowMs: nowMs, isContinued: report.passCount > 0) {
        let pass = CompactionPass(log: self, plan: plan, options: options, isCancelled: isCancelled)
        if try pass.run(&report) { break }
      }
    } catch {
      // A partition that was dropped has lost its directory: no error is worth a word.
      report.outcome = ending == nil ? CompactionReport.Outcome(error) : .interrupted
    }
    report.milliseconds = max(0, clock.nowMs() - startMs)
    let wasFailing = endCompaction(report.outcome)
    guard report.passCount > 0 || report.outcome != .complete else { return nil }
    log(report, wasFailing: wasFailing)
    return report
  }

  private func beginCompaction() -> Bool {
    compaction.withLock { compaction in
      guard !compaction.isRunning, compaction.bar == nil else { return false }
      compaction.isRunning = true
      return true
    }
  }

  /// Whether the try before failed.
  private func endCompaction(_ outcome: CompactionReport.Outcome) -> Bool {
    compaction.withLock { compaction in
      let wasFailing = compaction.isFailing
      compaction.isRunning = false
      switch outcome {
      case .complete: compaction.isFailing = false
      case .interrupted: break
      case .failed: compaction.isFailing = true
      case .barred(let error): compaction.bar = error
      }
      return wasFailing
    }
  }

  /// Nil where it is not time. `isContinued`: whether a pass was made that did not get to the end.
  private func planCompaction(
    _ options: CompactionOptions, nowMs: Int64, isContinued: Bool
  ) throws(CompactionStop) -> CompactionPlan? {
    guard let view = state.withLock({ $0.viewForCompaction() }) else { return nil }
    let plan = try view.plan(nowMs: nowMs)
    let isDue = isContinued ? plan.hasDirty : plan.isDue(minDirtyRatio: options.minDirtyRatio)
    return isDue ? plan : nil
  }

  // MARK: - Taking in what was written

  /// Puts `new`, which is on disk in the stage `.compacting`, in the place of `old`.
  ///
  /// Readers that planned with an old segment and have its file open read on in it. Those that would have to open it find
  /// it retired, and plan anew; what they find then has its file open already, under whatever name it stands. So
  /// nobody ever opens a path while it changes hands.
  func replace(_ old: [LogSegment], by new: LogSegment, _ swap: SegmentSwap) throws(CompactionStop) {
    let result: Result<Void, CompactionStop> = restructuring.withLock { _ in
      Result { () throws(CompactionStop) in try replaceAlone(old, by: new, swap) }
    }
    try result.get()
  }

  private func replaceAlone(_ old: [LogSegment], by new: LogSegment, _ swap: SegmentSwap) throws(CompactionStop) {
    guard state.withLock({ $0.range(of: old) != nil }) else { throw .interrupted }
    try swap.declare(fileSystem)
    let isReplaced = state.withLock { state in
      guard let range = state.range(of: old) else { return false }
      state.segments.replaceSubrange(range, with: [new])
      for segment in old { segment.retire() }
      return true
    }
    // Closed or dropped this moment: the next start goes on from here.
    guard isReplaced else { throw .interrupted }
    do throws(FileSystemError) { try swap.install(over: old.map(\.baseOffset), fileSystem) } catch {
      throw .barred(StorageError(error, while: "compacting"))
    }
    new.dropPinnedFile()
    new.keepIndex()
  }

  /// Notes, also on disk, that a pass has gone over everything below `end`.
  func finishPass(to end: Offset, tombstoneEnd: Offset, keepsTombstones: Bool) {
    let nowMs = clock.nowMs()
    state.withLock {
      $0.noteCompaction(to: end, tombstoneEnd: tombstoneEnd, keepsTombstones: keepsTombstones, nowMs: nowMs)
    }
    // What a stop in order has written is not to be written over.
    guard ending == nil else { return }
    let (compactedEnd, compactions) = state.withLock { ($0.compactedEnd.rawValue, $0.compactions) }
    do throws(StorageError) {
      try changeState(
        { state in
          state.compactedEndOffset = compactedEnd
          state.compactions = compactions
        }, apply: { _ in })
    } catch {
      logger.warning(
        "progress of compaction not written: a start may do it again",
        metadata: .keys([.partition: "\(id)", .error: "\(error)"]))
    }
  }

  // MARK: - Logging

  private func log(_ report: CompactionReport, wasFailing: Bool) {
    switch report.outcome {
    case .complete, .interrupted:
      logger.info("compacted", metadata: report.metadata(of: id))
    case .failed(let error):
      guard !wasFailing else { return }
      logger.warning(
        "compaction failed, to be tried again", metadata: .keys([.partition: "\(id)", .error: "\(error)"]))
    case .barred(let error):
      logger.error(
        "compaction stopped until the next start", metadata: .keys([.partition: "\(id)", .error: "\(error)"]))
    }
  }
}

extension LogState {
  /// Where `old`, which follow one another, are among the segments; nil where they are not all there any more, or the
  /// partition is dropped, closed or failed.
  func range(of old: [LogSegment]) -> Range<Int>? {
    guard refusal == nil, let first = old.first,
      let start = segments.firstIndex(where: { $0 === first }), segments.count - start > old.count
    else { return nil }
    let range = start..<start + old.count
    return zip(segments[range], old).allSatisfy { $0 === $1 } ? range : nil
  }
}

extension CompactionReport.Outcome {
  init(_ stop: CompactionStop) {
    switch stop {
    case .interrupted: self = .interrupted
    case .failed(let error): self = .failed(error)
    case .barred(let error): self = .barred(error)
    }
  }
}

extension CompactionReport {
  fileprivate func metadata(of partition: PartitionID) -> Logger.Metadata {
    .keys([
      .partition: "\(partition)", .passes: "\(passCount)", .segments: "\(segmentsBefore) to \(segmentsAfter)",
      .bytes: "\(bytesBefore) to \(bytesAfter)", .records: "\(recordsDropped)", .tombstones: "\(tombstonesDropped)",
      .milliseconds: "\(milliseconds)", .reason: outcome == .complete ? "complete" : "interrupted",
    ])
  }
}
