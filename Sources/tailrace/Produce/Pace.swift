/// Spreads records over time: so many a second, evenly. Pure: time comes in.
struct Pace {
  /// What was not used is kept for so long, and no longer: after a pause there is no burst.
  private static let maxLagMs = 100.0

  private let intervalMs: Double
  private var dueMs: Double?

  /// `perSecond` is above 0.
  init(perSecond: Double) { intervalMs = 1_000 / perSecond }

  /// Takes the right to send one more; false before it is due.
  mutating func take(nowMs: Int64) -> Bool {
    let now = Double(nowMs)
    let due = max(dueMs ?? now, now - Self.maxLagMs)
    guard due <= now else { return false }
    dueMs = due + intervalMs
    return true
  }

  /// When the next one is due, rounded up; nil: at any time.
  var nextMs: Int64? { dueMs.map { Int64(min($0.rounded(.up), 9e18)) } }
}
