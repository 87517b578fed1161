#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The machine's clock.
enum WallTime {
  /// Milliseconds since 1970.
  static func nowMs() -> Int64 { ns(CLOCK_REALTIME) / 1_000_000 }

  /// Nanoseconds since 1970 at the kernel's last tick, every 1 to 10 ms: takes a fraction of the time.
  static func tickNs() -> Int64 { ns(CLOCK_REALTIME_COARSE) }

  private static func ns(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}

/// The time of records. Read anew for the first of a batch, and for others once the kernel's clock has ticked: the
/// processor reads its counter only when all that was begun before is done, a record's way to memory, too.
struct RecordClock {
  private var tickNs: Int64 = .min
  private var nowMs: Int64 = 0

  /// Milliseconds since 1970.
  mutating func nowMs(isFirst: Bool) -> Int64 {
    let tick = WallTime.tickNs()
    if isFirst || tick != tickNs {
      tickNs = tick
      nowMs = WallTime.nowMs()
    }
    return nowMs
  }
}
