internal import Logging
internal import Synchronization
internal import TailraceWire

extension PartitionLog {
  /// Removes what the topic's retention lets go: whole finished segments, from the oldest on, whether they were consumed
  /// or not. Times are the broker's at the append. Blocks.
  func applyRetention(nowMs: Int64, _ flusher: Flusher) throws(StorageError) {
    let view = state.withLock { state in
      RetentionView(
        config: state.config, segments: state.segments, activeBytes: state.logEnd.position,
        logStart: state.logStart, bound: min(state.highWatermark.offset, state.durableEnd.offset),
        isFit: state.refusal == nil)
    }
    guard view.isFit, view.config.cleanup.contains(.delete) else { return }
    let count = max(try view.expiredCount(nowMs: nowMs), view.surplusCount())
    guard count > 0 else { return }
    let start = view.segments[count].baseOffset
    // What lies below the log's start goes by itself.
    guard start > view.logStart else { return }
    let kept = try trim(to: start, flusher)
    logger.info(
      "segments removed by retention",
      metadata: .keys([.partition: "\(id)", .segments: "\(count)", .offset: "\(kept)"]))
  }

  /// Rolls the active segment once its first batch is older than `segmentMs`, or its last one than `retentionMs`: only
  /// finished segments can be removed. Blocks where the first batch's time has to be read.
  func rollByAge(nowMs: Int64) -> LogEffects {
    let (config, active, isEmpty, lastMs) = state.withLock {
      ($0.config, $0.activeSegment, $0.logEnd.position == 0, $0.lastAppendTimestampMs)
    }
    guard !isEmpty else { return LogEffects() }
    let isOld = config.segmentMs.map { age in active.firstAppendMs().map { nowMs.isPast($0, by: age) } ?? false }
    let isExpired =
      config.cleanup.contains(.delete) && (config.retentionMs.map { nowMs.isPast(lastMs, by: $0) } ?? false)
    guard isOld == true || isExpired else { return LogEffects() }
    let context = context(nowMs: nowMs)
    return state.withLock { $0.roll(active, context) }
  }
}

extension Int64 {
  /// Whether this time is more than `age` after `time`, all in milliseconds.
  fileprivate func isPast(_ time: Int64, by age: Int64) -> Bool {
    let (end, overflow) = time.addingReportingOverflow(age)
    return !overflow && end < self
  }
}

/// What retention goes by, taken at one moment.
private struct RetentionView {
  var config: LogConfig
  var segments: [LogSegment]
  var activeBytes: Int
  var logStart: Offset
  /// No segment that ends past it may go.
  var bound: Offset
  var isFit: Bool

  /// How many of the oldest segments hold only what is older than `retentionMs`.
  func expiredCount(nowMs: Int64) throws(StorageError) -> Int {
    guard let age = config.retentionMs else { return 0 }
    var count = 0
    while count < removableCount {
      // What lies behind damage may be younger than what can be read.
      guard let summary = try segments[count].summary(), segments[count].damage == nil else { break }
      guard nowMs.isPast(summary.lastAppendMs, by: age) else { break }
      count += 1
    }
    return count
  }

  /// How many of the oldest segments are too many: without them the rest is still at least `retentionBytes`.
  func surplusCount() -> Int {
    guard let bound = config.retentionBytes else { return 0 }
    let sizes = segments.dropLast().map { Int64($0.sealedByteCount ?? 0) }
    var total = sizes.reduce(Int64(activeBytes), +)
    var count = 0
    while count < removableCount, total - sizes[count] >= bound {
      total -= sizes[count]
      count += 1
    }
    return count
  }

  /// How many of the oldest segments are finished and end at or below the bound.
  private var removableCount: Int { segments.dropFirst().prefix { $0.baseOffset <= bound }.count }
}

extension LogState {
  /// Rolls if `segment` is still the active one and there is something in it.
  fileprivate mutating func roll(_ segment: LogSegment, _ context: AppendContext) -> LogEffects {
    var effects = LogEffects()
    guard refusal == nil, activeSegment === segment, logEnd.position > 0, roll(context) == nil else { return effects }
    wantFlush(nowMs: context.nowMs, &effects)
    return effects
  }
}
