internal import Logging
internal import TailraceWire

/// Goes round all partitions again and again and reads what is on disk, so that damage is found while there may still be
/// another copy, and not by the reader who needs it: the finished segments, and of the active one what is fsynced.
/// Headers and checksums are checked, as `log verify --shallow` does.
///
/// What it finds is logged and becomes the partition's fault in its figures, and nothing else: healthy batches are read
/// as before, a reader of the damaged one finds its checksum wrong, and appends go on, to a segment that is not damaged.
/// To stop them would turn a lost batch into a lost partition. The fault goes with the first round that finds the
/// partition whole.
///
/// A round begins at the first partition after each start; `intervalMs` after one began the next does, or as soon as it
/// is through, where it took longer.
///
/// A machine of steps, without a thread or clock of its own; not thread-safe. It blocks while it reads.
struct Scrubber {
  /// What a step came to.
  struct Step: Equatable {
    var bytesRead: Int
    /// When to call again, at the earliest.
    var nextDelayMs: Int64
  }

  /// What was done since the start.
  struct Totals: Equatable {
    var rounds = 0
    var bytesRead = 0
    var findings = 0
  }

  /// A round may take days: what is dropped meanwhile must not keep its files.
  private struct WeakLog {
    weak var log: PartitionLog?
  }

  private static let maxStepBytes = 1 << 20
  private static let minStepBytes = 64 << 10

  private let bytesPerSecond: Int
  private let intervalMs: Int64
  private let logger: Logger
  private let partitions: () -> [PartitionLog]

  private var rest: ArraySlice<WeakLog> = []
  private var current: PartitionScrub?
  private var isInRound = false
  private var nextRoundMs: Int64?
  private(set) var totals = Totals()

  /// `bytesPerSecond`: at least 1. `partitions`: those that there are, asked for when a round begins.
  init(bytesPerSecond: Int, intervalMs: Int64, logger: Logger, partitions: @escaping () -> [PartitionLog]) {
    self.bytesPerSecond = max(1, bytesPerSecond)
    self.intervalMs = max(1, intervalMs)
    self.logger = logger
    self.partitions = partitions
  }

  /// Reads a piece. `nowMs`: milliseconds since 1970; the clock may step.
  mutating func step(nowMs: Int64) -> Step {
    guard isInRound || beginRound(nowMs: nowMs) else {
      return Step(bytesRead: 0, nextDelayMs: waitMs(nowMs: nowMs))
    }
    guard var scrub = current ?? nextPartition() else {
      isInRound = false
      totals.rounds += 1
      return Step(bytesRead: 0, nextDelayMs: waitMs(nowMs: nowMs))
    }
    current = nil
    let bytesRead = scrub.advance(maxBytes: stepBytes)
    totals.bytesRead += bytesRead
    totals.findings += scrub.takeFindingCount()
    if !scrub.isAtEnd { current = scrub }
    return Step(bytesRead: bytesRead, nextDelayMs: delayMs(bytesRead))
  }

  private mutating func nextPartition() -> PartitionScrub? {
    while let next = rest.popFirst() {
      if let log = next.log { return PartitionScrub(log, logger: logger) }
    }
    return nil
  }

  /// False where it is too early for a round. A clock that was set back does not put it off for longer than the interval.
  private mutating func beginRound(nowMs: Int64) -> Bool {
    if let nextRoundMs, nowMs < nextRoundMs, nextRoundMs - nowMs <= intervalMs { return false }
    let (next, overflow) = nowMs.addingReportingOverflow(intervalMs)
    nextRoundMs = overflow ? .max : next
    rest = partitions().map { WeakLog(log: $0) }[...]
    isInRound = true
    return true
  }

  private func waitMs(nowMs: Int64) -> Int64 { min(intervalMs, max(1, (nextRoundMs ?? nowMs) - nowMs)) }

  /// A quarter of a second's worth.
  private var stepBytes: Int { min(Self.maxStepBytes, max(Self.minStepBytes, bytesPerSecond / 4)) }

  private func delayMs(_ bytesRead: Int) -> Int64 {
    let (product, overflow) = bytesRead.multipliedReportingOverflow(by: 1_000)
    guard !overflow else { return intervalMs }
    return Int64((product + bytesPerSecond - 1) / bytesPerSecond)
  }
}
