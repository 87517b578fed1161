#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The time of day, as a seam: tests bring their own.
package protocol WallClock: Sendable {
  /// Milliseconds since 1970-01-01T00:00Z. It may step backwards. Thread-safe.
  func nowMs() -> Int64
}

/// The machine's clock.
package struct SystemClock: WallClock {
  package init() {}

  package func nowMs() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }
}
