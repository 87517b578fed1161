/// A running count on standard error, where that is a terminal.
struct Progress {
  private static let intervalMs: Int64 = 200
  private let isShown: Bool
  private var lastShownMs: Int64 = 0
  private var lastText = ""
  private var meter = RateMeter()

  init(isShown: Bool = Descriptor.standardError.isTerminal) { self.isShown = isShown }

  /// How often it wants to be shown, even where nothing has changed; nil: it is not shown.
  var refreshMs: Int64? { isShown ? 1_000 : nil }

  /// Shows `count` records, and how many come in a second, a few times a second.
  mutating func show(_ count: Int) {
    guard isShown else { return }
    let nowMs = Clock.monotonicMs()
    meter.note(count, atMs: nowMs)
    let perSecond = meter.perSecond
    show(count) { "\(recordsText($0)), \(perSecond) records/s" }
  }

  /// The same for a count of something else, which `text` puts into words.
  mutating func show(_ count: Int, _ text: (Int) -> String) {
    guard isShown else { return }
    let nowMs = Clock.monotonicMs()
    guard count > 0, nowMs - lastShownMs >= Self.intervalMs else { return }
    lastShownMs = nowMs
    // What wraps could not be written over.
    let text = String(text(count).prefix(max(1, ScreenFrame.Size.of(.standardError).columns - 1)))
    guard text != lastText else { return }
    lastText = text
    StandardError.write("\r\u{1B}[K\(text)")
  }

  /// Takes the count off the screen.
  mutating func clear() {
    guard !lastText.isEmpty else { return }
    lastText = ""
    StandardError.write("\r\u{1B}[K")
  }
}

/// How fast a count grows, over the last seconds. Pure: time comes in.
struct RateMeter {
  private static let windowMs: Int64 = 3_000
  private static let maxSamples: Int64 = 64

  /// Oldest first; the first one may lie before the window.
  private var samples: [(atMs: Int64, count: Int)] = []

  mutating func note(_ count: Int, atMs: Int64) {
    // So many fit into a window.
    if let last = samples.last, atMs - last.atMs < Self.windowMs / Self.maxSamples { return }
    samples.append((atMs, count))
    while samples.count > 2, samples[1].atMs <= atMs - Self.windowMs { samples.removeFirst() }
  }

  /// Rounded; 0 before time has passed.
  var perSecond: Int {
    guard let first = samples.first, let last = samples.last, last.atMs > first.atMs else { return 0 }
    return Int((Double(last.count - first.count) * 1_000 / Double(last.atMs - first.atMs)).rounded())
  }
}
