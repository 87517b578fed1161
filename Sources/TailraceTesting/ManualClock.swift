internal import Synchronization
internal import TailraceStorage

/// A wall clock that stands still until it is moved. Thread-safe.
package final class ManualClock: WallClock {
  private let time: Mutex<Int64>

  /// `nowMs`: milliseconds since 1970.
  package init(nowMs: Int64 = 1_700_000_000_000) { time = Mutex(nowMs) }

  package func nowMs() -> Int64 { time.withLock { $0 } }

  /// Moves on by `milliseconds`; back where negative.
  package func advance(byMs milliseconds: Int64) { time.withLock { $0 += milliseconds } }

  /// Jumps to `nowMs`, milliseconds since 1970.
  package func set(toMs nowMs: Int64) { time.withLock { $0 = nowMs } }
}
