/// How long to wait from one failure to the next try: longer each time, up to a bound.
struct Backoff: Hashable, Sendable {
  static let firstMs: Int64 = 100
  static let maxMs: Int64 = 5_000

  /// No try before this.
  private(set) var retryAtMs: Int64 = 0
  private var delayMs = firstMs

  /// A try failed. `fraction`, 0 to 1, spreads the tries of many clients over the second half of the wait. `boundMs`: the
  /// longest wait here, where that is less.
  mutating func fail(nowMs: Int64, fraction: Double, boundMs: Int64 = maxMs) {
    delayMs = min(delayMs, max(boundMs, Self.firstMs))
    retryAtMs = nowMs + delayMs / 2 + Int64(Double(delayMs / 2) * min(max(fraction, 0), 1))
    delayMs = min(delayMs * 2, Self.maxMs)
  }

  /// A try succeeded: the next failure is the first again.
  mutating func succeed() { self = Backoff() }
}
