/// When lost groups are read again: at once, and where groups are lost again and again, as on a full disk, more and more
/// seldom.
struct ReloadSchedule {
  /// From one reading to the next.
  private static let delaysMs: ClosedRange<Int64> = 1_000...30_000

  /// When the next reading may begin; nil: one is under way.
  private var nextMs: Int64? = .min
  private var delayMs = delaysMs.lowerBound

  /// True where groups are to be read now: `end` is to be called then, once they are.
  mutating func begin(now: Int64) -> Bool {
    guard let time = nextMs, time <= now else { return false }
    nextMs = nil
    // They were well for longer than they had to be.
    if time <= now - delayMs { delayMs = Self.delaysMs.lowerBound }
    return true
  }

  mutating func end(now: Int64) {
    nextMs = now + delayMs
    delayMs = min(delayMs * 2, Self.delaysMs.upperBound)
  }
}
