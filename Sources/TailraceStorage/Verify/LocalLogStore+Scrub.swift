internal import Synchronization

extension LocalLogStore {
  /// The scrub over this store's partitions as its options say; nil where they turn it off. It holds the store weakly.
  func makeScrubber() -> Scrubber? {
    guard options.scrubBytesPerSecond > 0 else { return nil }
    return Scrubber(
      bytesPerSecond: options.scrubBytesPerSecond, intervalMs: options.scrubIntervalMs, logger: logger,
      partitions: { [weak self] in self?.allLogs() ?? [] })
  }

  /// Lets the scrub of `store` take its steps on a thread of its own, for as long as `ticks` is open.
  static func keepScrubbing(_ store: LocalLogStore, ticks: WorkQueue<Void>) throws(StorageError) {
    guard store.options.scrubBytesPerSecond > 0 else { return }
    try WorkerThread.start(name: "scrub") { [weak store, clock = store.clock] in
      guard var scrubber = store?.makeScrubber() else { return }
      var delayMs: Int64 = 0
      while case .timeout = ticks.pop(withinMs: Int(min(delayMs, maxPauseMs))) {
        guard store != nil else { return }
        delayMs = scrubber.step(nowMs: clock.nowMs()).nextDelayMs
      }
    }
  }

  /// The clock is looked at so often at least, milliseconds.
  private static let maxPauseMs: Int64 = 60_000
}
