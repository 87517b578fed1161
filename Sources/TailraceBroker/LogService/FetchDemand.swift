internal import TailraceStorage

/// What a fetch reads, and how much of it there has to be.
struct FetchDemand: Sendable {
  let reads: [ReadTarget]
  let bounds: FetchBounds
  /// Milliseconds.
  let maxWaitMs: Int64
  /// How many partitions were asked for; those without a read failed before that.
  let targetCount: Int

  /// Whether the response can go: enough bytes, or a failure to tell of.
  func isSatisfied(by outcomes: [ReadOutcome]) -> Bool {
    if maxWaitMs == 0 || reads.count < targetCount { return true }
    for outcome in outcomes {
      guard case .read = outcome else { return true }
    }
    return countedBytes(outcomes) >= bounds.minBytes
  }

  /// How much there is, as `minBytes` counts.
  func countedBytes(_ outcomes: [ReadOutcome]) -> Int {
    zip(reads, outcomes).reduce(0) { sum, target in
      guard case .read(let result) = target.1 else { return sum }
      return sum + bounds.counted(result, of: target.0)
    }
  }
}
