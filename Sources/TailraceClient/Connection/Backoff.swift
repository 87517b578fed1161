/// How long to wait from one failure to the next try: twice as long each time, up to a bound.
package struct Backoff: Hashable, Sendable {
  package static let firstMs: Int64 = 100
  package static let maxMs: Int64 = 5_000

  /// No try before this.
  package private(set) var retryAtMs: Int64 = 0
  private let firstMs: Int64
  private let maxMs: Int64
  private var delayMs: Int64

  /// `firstMs` and `maxMs`: the first wait and the longest, milliseconds.
  package init(firstMs: Int64 = Self.firstMs, maxMs: Int64 = Self.maxMs) {
    self.firstMs = max(1, firstMs)
    self.maxMs = max(self.firstMs, maxMs)
    delayMs = self.firstMs
  }

  /// A try failed. `fraction`, 0 to 1, spreads the tries of many clients over the second half of the wait. `boundMs`: the
  /// longest wait here, where that is less.
  package mutating func fail(nowMs: Int64, fraction: Double, boundMs: Int64 = .max) {
    delayMs = min(delayMs, max(boundMs, firstMs))
    retryAtMs = nowMs + delayMs / 2 + Int64(Double(delayMs / 2) * min(max(fraction, 0), 1))
    delayMs = min(delayMs.multipliedReportingOverflow(by: 2).partialValue, maxMs)
  }

  /// A try succeeded: the next failure is the first again.
  package mutating func succeed() { self = Backoff(firstMs: firstMs, maxMs: maxMs) }
}
