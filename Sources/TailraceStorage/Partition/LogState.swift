internal import DequeModule
internal import NIOCore
internal import TailraceWire

/// A place in a partition's log: an offset, and where its batch begins, or will begin, in which segment.
struct LogPosition {
  var offset: Offset
  /// Base offset of the segment.
  var segment: Offset
  /// Bytes from the segment's start.
  var position: Int
}

/// All that changes of a partition; lives under the partition's lock. Nothing here waits, syncs or calls out.
struct LogState {
  /// An append that waits for the durable end to reach `end`.
  struct DurableWaiter {
    var end: Offset
    var completion: @Sendable (AppendOutcome) -> Void
    var outcome: AppendOutcome
  }

  struct AdvanceEntry {
    var offset: Offset
    /// In this segment it waits for that position; in another one, for nothing.
    var segment: Offset
    var position: Int
    var notify: @Sendable () -> Void
  }

  /// Where the flusher stands with this partition.
  enum FlushStage {
    case idle
    case queued
    case running
    /// Running, and there is more to flush after it.
    case runningAndWanted
    /// Could not be carried out for now: the timer hands it to the flusher again.
    case putBack
  }

  var config: LogConfig
  /// In offset order, never empty; the last one is appended to.
  var segments: [LogSegment]
  var logStart: Offset
  var logEnd: LogPosition
  var durableEnd: LogPosition
  /// Producers are remembered on disk up to here. What lies past it must stay in the log, also below `logStart`: a start
  /// reads producers from it. Never past the durable end.
  var checkpointEnd: Offset
  /// Whether the last checkpoint that was due could not be written.
  var isCheckpointMissing = false
  /// Never moves back, whatever the configuration becomes.
  var highWatermark: LogPosition
  var partitionEpoch: UInt32
  /// Where epochs began that followed an unclean stop, oldest first: a reader of an earlier epoch that is past such a
  /// place saw what is gone.
  var epochs: [EpochStart]
  /// The first offset that no compaction has gone over.
  var compactedEnd: Offset
  /// The passes of compaction, oldest first.
  var compactions: [CompactionMark]
  /// The append time of the last batch, milliseconds since 1970.
  var lastAppendTimestampMs: Int64
  /// Of the batches up to the log's end.
  var producers: ProducerState
  /// Why nothing can be appended any more.
  var fault: StorageError?
  /// What the last scrub found damaged; nil where it found nothing. For people: reads and appends go on.
  var scrubFault: StorageError?
  /// Whether anything can be read. Where not, `fault` says why.
  let isReadable: Bool
  /// Why the last write did not succeed; nil where it did. For whoever watches the broker's log.
  var appendTrouble: StorageError?
  /// Dropped or closed: nothing works any more.
  var ending: StorageError?

  /// Of the active segment's file.
  var preallocation = Preallocation()
  /// Segments with bytes that may not be on disk, in offset order.
  var unsynced: [LogSegment] = []
  /// Segments that were finished since the last flush: their index files are to be written.
  var finished: [LogSegment] = []
  /// Whether a segment file's directory entry may not be on disk.
  var isDirectoryUnsynced = false
  var flushStage = FlushStage.idle
  /// When the flusher's timer asks for a flush, milliseconds since 1970; nil: it does not.
  var flushDueMs: Int64?
  /// Whether the last flush had to be put off.
  var isFlushPutOff = false

  var tail = TailPlaces()
  /// Kept from write to write for its memory.
  var headerBytes = ByteBuffer()
  var durableWaiters: Deque<DurableWaiter> = []
  /// By number, so that one that is taken back is found at once, however many wait.
  var advanceWaiters: [UInt64: AdvanceEntry] = [:]
  /// No waiter waits for less than this position of the segment that the high watermark is in.
  var leastAdvance = Int.max
  /// The segment that is meant by that.
  var advanceSegment = Offset.zero
  var nextWaiterNumber: UInt64 = 0

  init(config: LogConfig, recovered: RecoveredLog, preallocatedBytes: Int = 0) {
    self.config = config
    segments = recovered.segments
    logStart = recovered.logStart
    logEnd = recovered.logEnd
    durableEnd = recovered.durableEnd
    checkpointEnd = recovered.state.map(\.checkpointEnd) ?? .zero
    highWatermark = recovered.highWatermark(config)
    partitionEpoch = recovered.partitionEpoch
    epochs = recovered.epochs
    compactedEnd = Offset(recovered.state?.compactedEndOffset ?? 0)
    compactions = recovered.state?.compactions ?? []
    lastAppendTimestampMs = recovered.lastAppendTimestampMs
    producers = recovered.producers
    fault = recovered.fault
    isReadable = recovered.isReadable
    appendTrouble = recovered.fault
    preallocation = Preallocation(maxBytes: preallocatedBytes, position: recovered.logEnd.position)
    if logEnd.offset > durableEnd.offset, fault == nil {
      unsynced = segments.filter { $0.baseOffset >= durableEnd.segment }
    }
  }

  /// Why nothing can be appended.
  var refusal: StorageError? { ending ?? fault }

  /// Why nothing can be read, nor anything be told of offsets; nil where something can.
  var unreadable: StorageError? { ending ?? (isReadable ? nil : fault) }

  var activeSegment: LogSegment { segments[segments.count - 1] }

  var bounds: PartitionBounds {
    PartitionBounds(
      logStart: logStart, highWatermark: highWatermark.offset, durableEnd: durableEnd.offset, logEnd: logEnd.offset,
      partitionEpoch: partitionEpoch)
  }

  /// The segment that holds `offset`, or would; nil below the first.
  func segmentIndex(of offset: Offset) -> Int? {
    var low = 0
    var high = segments.count
    while low < high {
      let middle = low + (high - low) / 2
      if segments[middle].baseOffset > offset { high = middle } else { low = middle + 1 }
    }
    return low > 0 ? low - 1 : nil
  }

  // MARK: - The high watermark and its waiters

  /// Brings the high watermark up to where the configuration says, and takes out who waited for it.
  mutating func advanceHighWatermark(_ effects: inout LogEffects) {
    let target = config.durability == .durable ? durableEnd : logEnd
    guard target.offset > highWatermark.offset else { return }
    highWatermark = target
    if !advanceWaiters.isEmpty { releaseAdvanced(&effects) }
  }

  private mutating func releaseAdvanced(_ effects: inout LogEffects) {
    let (mark, least) = (highWatermark, leastAdvance)
    // Where nobody waits for as little as that, nobody is looked at.
    guard mark.position >= least || advanceSegment != mark.segment else { return }
    var done: [UInt64] = []
    for (number, waiter) in advanceWaiters
    where waiter.offset < mark.offset && (waiter.segment != mark.segment || waiter.position <= mark.position) {
      done.append(number)
    }
    // Who came first is told first.
    for number in done.sorted() {
      if let waiter = advanceWaiters.removeValue(forKey: number) { effects.notifications.append(waiter.notify) }
    }
    noteLeastAdvance()
  }

  private mutating func noteLeastAdvance() {
    advanceSegment = highWatermark.segment
    leastAdvance = advanceWaiters.values.reduce(.max) { least, waiter in
      min(least, waiter.segment == advanceSegment ? waiter.position : 0)
    }
  }

  /// Nil where there is nothing to wait for, now or ever.
  mutating func addAdvanceWaiter(
    past offset: Offset, bytes: Int, notify: @escaping @Sendable () -> Void
  ) -> UInt64? {
    guard refusal == nil, highWatermark.offset <= offset else { return nil }
    nextWaiterNumber += 1
    let (position, overflow) = highWatermark.position.addingReportingOverflow(max(1, bytes))
    let waiter = AdvanceEntry(
      offset: offset, segment: highWatermark.segment, position: overflow ? .max : position, notify: notify)
    advanceWaiters[nextWaiterNumber] = waiter
    leastAdvance = advanceSegment == waiter.segment ? min(leastAdvance, waiter.position) : 0
    return nextWaiterNumber
  }

  /// Lets go of everybody who waits: what they wait for will not come.
  mutating func releaseWaiters(_ error: StorageError, _ effects: inout LogEffects) {
    for waiter in durableWaiters { effects.resolve(waiter.completion, .unknown(error)) }
    durableWaiters = []
    effects.notifications += advanceWaiters.values.map(\.notify)
    advanceWaiters = [:]
  }
}
