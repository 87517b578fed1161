internal import Logging
internal import Synchronization
internal import TailraceWire

/// One partition's log: its segments, and what is known of them.
///
/// Thread-safe. Appends are written inline under the lock; no fsync, no wait and no call to the outside happens under
/// it. `flushing` lets one flush at a time through and is taken before the lock, never under it.
final class PartitionLog: Sendable {
  let id: PartitionID
  let directory: String
  let files: OpenFiles
  /// Of the whole store.
  let admitted: AdmittedProducers
  let reserve: DiskReserve
  let clock: any WallClock
  let logger: Logger
  let state: Mutex<LogState>
  /// Held by whoever changes which segment files there are below the active one: trimming, compaction. The outermost
  /// lock; it is held over I/O, so nothing on the way of an append or a read takes it.
  let restructuring = Mutex<Void>(())
  /// Taken for moments only, under no other lock.
  let compaction = Mutex(CompactionState())
  /// What look-ups by time have found out. Taken for moments only, under no other lock.
  let timeBounds = Mutex(TimeBounds())
  /// Holds what was last written to the state file.
  let flushing: Mutex<PartitionState?>

  init(
    id: PartitionID, directory: String, config: LogConfig, recovered: RecoveredLog, files: OpenFiles,
    admitted: AdmittedProducers, reserve: DiskReserve, preallocatedBytes: Int = 0, clock: any WallClock,
    logger: Logger
  ) {
    self.id = id
    self.directory = directory
    self.files = files
    self.admitted = admitted
    self.reserve = reserve
    self.clock = clock
    self.logger = logger
    state = Mutex(LogState(config: config, recovered: recovered, preallocatedBytes: preallocatedBytes))
    flushing = Mutex(recovered.state)
  }

  var fileSystem: any FileSystem { files.fileSystem }

  /// Appends the requests in order. The effects are the caller's to carry out.
  func append(_ requests: [AppendRequest]) -> LogEffects {
    let nowMs = clock.nowMs()
    let effects = state.withLock { state in
      state.append(requests, context(nowMs: nowMs))
    }
    switch effects.appendChange {
    case .failing(let error):
      logger.warning("appends fail", metadata: .keys([.partition: "\(id)", .error: "\(error)"]))
    case .working:
      logger.info("appends work again", metadata: .keys([.partition: "\(id)"]))
    case nil: break
    }
    return effects
  }

  func context(nowMs: Int64) -> LogState.AppendContext {
    LogState.AppendContext(directory: directory, files: files, admitted: admitted, reserve: reserve, nowMs: nowMs)
  }

  var bounds: PartitionBounds { state.withLock { $0.bounds } }

  /// Why nothing works any more; nil where it does.
  var ending: StorageError? { state.withLock { $0.ending } }

  /// Why nothing can be read, nor anything be told of offsets; nil where something can.
  var unreadable: StorageError? { state.withLock { $0.unreadable } }

  /// Takes a configuration into use. The high watermark never moves back by it.
  func configure(_ config: LogConfig) -> LogEffects {
    let nowMs = clock.nowMs()
    return state.withLock { state in
      var effects = LogEffects()
      state.config = config
      state.advanceHighWatermark(&effects)
      state.wantFlush(nowMs: nowMs, &effects)
      return effects
    }
  }

  func awaitAdvance(
    past offset: Offset, bytes: Int, notify: @escaping @Sendable () -> Void
  ) -> AdvanceWaiter? {
    let number = state.withLock { $0.addAdvanceWaiter(past: offset, bytes: bytes, notify: notify) }
    return number.map { AdvanceWaiter(partition: id, number: $0) }
  }

  func cancel(_ waiter: AdvanceWaiter) {
    state.withLock { $0.advanceWaiters[waiter.number] = nil }
  }

  /// Takes no more appends and answers no more reads; flushing, and completing who waits for it, goes on.
  func seal(_ reason: StorageError) {
    state.withLock { if $0.ending == nil { $0.ending = reason } }
  }

  /// The same for good: whoever still waits is let go.
  func end(_ reason: StorageError) -> LogEffects {
    state.withLock { state in
      var effects = LogEffects()
      if state.ending == nil { state.ending = reason }
      state.releaseWaiters(reason, &effects)
      return effects
    }
  }

  /// Forgets producers whose last batch was appended before `timeMs`.
  func forgetProducers(before timeMs: Int64) { state.withLock { $0.producers.expire(before: timeMs) } }

  func figures() throws(StorageError) -> PartitionFigures {
    let (bounds, segments, active, fault, ending) = state.withLock {
      ($0.bounds, $0.segments, $0.logEnd.position, $0.fault ?? $0.scrubFault, $0.ending)
    }
    if let ending { throw ending }
    var byteCount = UInt64(active)
    for segment in segments.dropLast() { byteCount += UInt64(segment.sealedByteCount ?? 0) }
    return PartitionFigures(bounds: bounds, sizeBytes: byteCount, segmentCount: segments.count, fault: fault)
  }
}
