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

/// The machine's clock as it was at the start, and from there on by the seconds that pass: it does not step.
package struct SteadyClock: WallClock {
  private let start: Int64
  private let startedAt = ContinuousClock.now

  package init() { start = SystemClock().nowMs() }

  package func nowMs() -> Int64 {
    let passed = (ContinuousClock.now - startedAt).components
    return start + passed.seconds * 1_000 + passed.attoseconds / 1_000_000_000_000_000
  }
}
