#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The system's clocks in milliseconds.
enum Clock {
  /// Since 1970.
  static func nowMs() -> Int64 { read(CLOCK_REALTIME) }

  /// Never goes back; counts from no particular point.
  static func monotonicMs() -> Int64 { read(CLOCK_MONOTONIC) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }
}
