internal import Synchronization

/// Brings partitions to disk, on threads of its own: group commit.
///
/// A partition is in the queue, or being flushed, at most once; what is appended meanwhile goes with its next flush, so
/// the busier the disk the larger the groups, and a single writer waits for no one. Two threads: one slow file does not
/// hold up all the others, and more would only compete for the same disk. Thread-safe.
final class Flusher: Sendable {
  private let queue = WorkQueue<PartitionLog>()
  private let timed = WorkQueue<TimedFlush>()

  /// A partition that is to be flushed at a time, milliseconds since 1970.
  private struct TimedFlush {
    var log: PartitionLog
    var dueMs: Int64
  }

  /// How often the clock is looked at while something is timed.
  private static let pollMs = 10

  init(threadCount: Int, clock: any WallClock) throws(StorageError) {
    do throws(StorageError) {
      for index in 0..<max(1, threadCount) {
        try WorkerThread.start(name: "flusher-\(index)") { [queue, timed] in
          while let log = queue.pop() { Self.flush(log, queue, timed) }
        }
      }
      try WorkerThread.start(name: "flush-timer") { [queue, timed] in Self.watch(timed, clock, queue) }
    } catch {
      close()
      throw error
    }
  }

  deinit { close() }

  /// Flushes `log` on the caller's thread, see `PartitionLog.flush`, and then makes room for more. Blocks.
  func flush(_ log: PartitionLog, needsCheckpoint: Bool = false) {
    Self.finish(log.flush(needsCheckpoint: needsCheckpoint), of: log, queue, timed)
  }

  /// Flushes a partition, and at once again where more was appended meanwhile and no other waits: the disk is not to wait
  /// until another thread has woken up.
  private static func flush(_ log: PartitionLog, _ queue: WorkQueue<PartitionLog>, _ timed: WorkQueue<TimedFlush>) {
    var isWanted = true
    while isWanted {
      var effects = log.flush(needsCheckpoint: false)
      isWanted = effects.wantsFlush && queue.isEmpty
      if isWanted { effects.wantsFlush = false }
      finish(effects, of: log, queue, timed)
    }
  }

  private static func finish(
    _ effects: LogEffects, of log: PartitionLog, _ queue: WorkQueue<PartitionLog>, _ timed: WorkQueue<TimedFlush>
  ) {
    carryOut(effects, of: log, queue, timed)
    carryOut(log.preallocate(), of: log, queue, timed)
  }

  /// Carries out what an append, a flush or a change left to do on a partition. No lock may be held.
  func carryOut(_ effects: LogEffects, of log: PartitionLog) { Self.carryOut(effects, of: log, queue, timed) }

  private static func carryOut(
    _ effects: LogEffects, of log: PartitionLog, _ queue: WorkQueue<PartitionLog>, _ timed: WorkQueue<TimedFlush>
  ) {
    if effects.wantsFlush { queue.push(log) }
    if let dueMs = effects.flushDueMs { timed.push(TimedFlush(log: log, dueMs: dueMs)) }
    effects.perform()
  }

  private static func watch(
    _ timed: WorkQueue<TimedFlush>, _ clock: any WallClock, _ queue: WorkQueue<PartitionLog>
  ) {
    var waiting: [TimedFlush] = []
    var lastMs = clock.nowMs()
    while true {
      if waiting.isEmpty {
        guard let flush = timed.pop() else { return }
        waiting.append(flush)
      }
      switch timed.pop(withinMs: pollMs) {
      case .element(let flush): waiting.append(flush)
      case .timeout: break
      case .closed: return
      }
      let nowMs = clock.nowMs()
      // Where the clock was set back nobody knows what is due: a flush too many does no harm.
      let isSetBack = nowMs < lastMs
      lastMs = nowMs
      waiting.removeAll { flush in
        guard flush.dueMs <= nowMs || isSetBack else { return false }
        if flush.log.state.withLock({ $0.askFlusher(dueMs: flush.dueMs) }) { queue.push(flush.log) }
        return true
      }
    }
  }

  /// Takes nothing more; what is queued is still flushed.
  func close() {
    queue.close()
    timed.close()
  }
}
