internal import Synchronization

extension LocalLogStore {
  /// The scrub over this store's partitions as its options say; nil where they turn it off. It holds the store weakly.
  func makeScrubber() -> Scrubber? {
    guard options.scrubBytesPerSecond > 0 else { return nil }
    return Scrubber(
      bytesPerSecond: options.scrubBytesPerSecond, intervalMs: options.scrubIntervalMs, logger: logger,
      partitions: { [weak self] in
        self?.contents.withLock { Array($0.partitions.values) } ?? []
      })
  }
}
