internal import TailraceWire

/// Which segments a pass may rewrite, and what it goes by.
struct CompactionPlan {
  /// A finished segment.
  struct Source {
    let segment: LogSegment
    /// The offset after its last.
    let end: Offset
    let byteCount: Int

    var base: Offset { segment.baseOffset }
  }

  /// From the log's start on, in offset order, without gaps.
  var sources: [Source]
  /// No pass has gone over the offsets from here on.
  var dirtyStart: Offset
  /// Tombstones below have been shown for long enough.
  var tombstoneEnd: Offset
  /// What a segment may hold.
  var segmentBytes: Int

  /// The end of what may be compacted, exclusive.
  var end: Offset { max(dirtyStart, sources.last?.end ?? .zero) }

  var hasDirty: Bool { dirtyStart < end }

  /// Whether it is time: enough is new, or tombstones may go.
  func isDue(minDirtyRatio: Double) -> Bool {
    if let first = sources.first, tombstoneEnd > first.base { return true }
    guard hasDirty else { return false }
    let dirty = sources.filter { $0.end > dirtyStart }.reduce(0) { $0 + $1.byteCount }
    let all = sources.reduce(0) { $0 + $1.byteCount }
    return Double(dirty) >= minDirtyRatio * Double(all)
  }

  /// Segments below `end`, next to one another, that make one together: as many as fit, one at least. Sizes before the
  /// pass count, so that no file has to be begun anew in the middle of a segment; the next pass merges further.
  func groups(below end: Offset) -> [[Source]] {
    var groups: [[Source]] = []
    var byteCount = 0
    for source in sources where source.base < end {
      if let first = groups.last?.first, byteCount + source.byteCount <= segmentBytes,
        source.end.rawValue - first.base.rawValue <= Int64(Int32.max)
      {
        groups[groups.count - 1].append(source)
        byteCount += source.byteCount
      } else {
        groups.append([source])
        byteCount = source.byteCount
      }
    }
    return groups
  }
}

extension LogState {
  /// What compaction may look at, taken at one moment.
  struct CompactionView {
    var segments: [LogSegment]
    /// The end of the last segment.
    var end: Offset
    var config: LogConfig
    var logStart: Offset
    var compactedEnd: Offset
    var compactions: [CompactionMark]
  }

  /// The finished segments below the durable end, the high watermark and the last checkpoint; nil where the partition is
  /// not compacted, or there are none. No end lies in one of them then, so no position in a file that is replaced is
  /// kept, and none holds what producers are read from.
  mutating func viewForCompaction() -> CompactionView? {
    guard refusal == nil, isReadable, config.cleanup.contains(.compact) else { return nil }
    durableEnd = settled(durableEnd)
    highWatermark = settled(highWatermark)
    guard let checkpointed = segmentIndex(of: checkpointEnd) else { return nil }
    let bound = min(
      durableEnd.segment, highWatermark.segment, activeSegment.baseOffset, segments[checkpointed].baseOffset)
    let finished = segments.prefix { $0.baseOffset < bound }
    guard !finished.isEmpty else { return nil }
    return CompactionView(
      segments: Array(finished), end: segments[finished.count].baseOffset, config: config, logStart: logStart,
      compactedEnd: compactedEnd, compactions: compactions)
  }

  /// The same place; at the end of a finished segment, as the beginning of the next one.
  private func settled(_ position: LogPosition) -> LogPosition {
    guard let index = segmentIndex(of: position.offset), segments[index].baseOffset == position.offset,
      position.segment < position.offset
    else { return position }
    return LogPosition(offset: position.offset, segment: position.offset, position: 0)
  }

  /// Notes a pass that went over everything below `end`, at `nowMs`, and took out the tombstones below `tombstoneEnd`.
  /// `keepsTombstones`: whether it left some.
  mutating func noteCompaction(to end: Offset, tombstoneEnd: Offset, keepsTombstones: Bool, nowMs: Int64) {
    // A mark past what was gone over is from before the log fell back.
    compactions.removeAll { $0.endOffset > compactedEnd.rawValue }
    compactedEnd = max(compactedEnd, end)
    // Marks are for tombstones: where there are none, no mark tells of anything.
    compactions.removeAll { $0.endOffset <= tombstoneEnd.rawValue }
    if keepsTombstones, end.rawValue > (compactions.last?.endOffset ?? 0) {
      compactions.append(CompactionMark(endOffset: end.rawValue, atMs: nowMs))
    }
    while compactions.count > Self.maxCompactionMarks { forgetOneMark() }
  }

  /// Marks that a partition keeps.
  static let maxCompactionMarks = 64

  /// Forgets the mark that the next one comes soonest after: its tombstones stay until that one's time.
  private mutating func forgetOneMark() {
    let gaps = zip(compactions, compactions.dropFirst()).map {
      $1.atMs.subtractingReportingOverflow($0.atMs).partialValue
    }
    guard let least = gaps.indices.min(by: { gaps[$0] < gaps[$1] }) else { return }
    compactions.remove(at: least)
  }
}

extension LogState.CompactionView {
  /// The offset below which tombstones were shown for `deleteRetentionMs` since the first pass that went over them.
  func tombstoneEnd(nowMs: Int64) -> Offset {
    var end: Int64 = 0
    for mark in compactions where mark.endOffset <= compactedEnd.rawValue {
      let (due, overflow) = mark.atMs.addingReportingOverflow(config.deleteRetentionMs)
      if !overflow, due <= nowMs { end = max(end, mark.endOffset) }
    }
    return Offset(end)
  }

  /// The plan. Blocks: sizes are asked for, and where there is a lag the last batch of new segments is looked at.
  func plan(nowMs: Int64) throws(CompactionStop) -> CompactionPlan {
    let dirtyStart = max(compactedEnd, logStart)
    var plan = CompactionPlan(
      sources: [], dirtyStart: dirtyStart, tombstoneEnd: tombstoneEnd(nowMs: nowMs),
      segmentBytes: min(max(config.segmentBytes, 1), Int(Int32.max)))
    let (youngest, overflow) = nowMs.subtractingReportingOverflow(max(0, config.minCompactionLagMs))
    for (index, segment) in segments.enumerated() {
      let end = index + 1 < segments.count ? segments[index + 1].baseOffset : end
      do throws(StorageError) {
        if end > dirtyStart, config.minCompactionLagMs > 0 {
          guard !overflow, try segment.lastAppendTimestampMs() <= youngest else { break }
        }
        plan.sources.append(
          CompactionPlan.Source(segment: segment, end: end, byteCount: segment.sealedByteCount ?? 0))
      } catch {
        throw error.kind == .dataLoss ? .barred(error) : .failed(error)
      }
    }
    return plan
  }
}

extension LogSegment {
  /// When the last batch of a finished segment was appended, milliseconds since 1970: the latest in it, since append
  /// times never decrease.
  fileprivate func lastAppendTimestampMs() throws(StorageError) -> Int64 {
    try buildIndex()
    if let damage { throw damage.error }
    let file = try openFile()
    let byteCount: Int
    do throws(FileSystemError) { byteCount = try usedByteCount(of: file) } catch {
      throw StorageError(error, while: "compacting")
    }
    var scanner = BatchScanner(file: file, from: floor(ofPosition: byteCount)?.position ?? 0, byteCount: byteCount)
    var last: Int64 = 0
    while let batch = try scanner.next() { last = batch.header.appendTimestampMs }
    return last
  }
}
