/// A running count on standard error, where that is a terminal.
struct Progress {
  private static let intervalMs: Int64 = 200
  private let isShown = Descriptor.standardError.isTerminal
  private var lastShownMs: Int64 = 0
  private var lastCount = 0

  /// Shows `count` records, a few times a second.
  mutating func show(_ count: Int) { show(count, recordsText) }

  /// The same for a count of something else, which `text` puts into words.
  mutating func show(_ count: Int, _ text: (Int) -> String) {
    guard isShown, count != lastCount else { return }
    let nowMs = Clock.monotonicMs()
    guard nowMs - lastShownMs >= Self.intervalMs else { return }
    lastShownMs = nowMs
    lastCount = count
    StandardError.write("\r\u{1B}[K\(text(count))")
  }

  /// Takes the count off the screen.
  func clear() {
    if isShown && lastCount > 0 { StandardError.write("\r\u{1B}[K") }
  }
}
