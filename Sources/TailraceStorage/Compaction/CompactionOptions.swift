/// How compaction is run.
struct CompactionOptions: Hashable, Sendable {
  /// What the map of keys may take, bytes; allocated while a partition is compacted only. 64 MiB hold 2 million keys; a
  /// log with more takes several passes.
  var keyMapBytes = 64 << 20
  /// A partition is compacted once this part of its finished segments was not gone over yet: from 0 (anything new) to 1.
  var minDirtyRatio = 0.5
}

/// What compacting a partition came to.
struct CompactionReport: Hashable, Sendable {
  /// How it ended.
  enum Outcome: Hashable, Sendable {
    case complete
    /// Broken off: asked to, or the partition was dropped, closed or trimmed meanwhile. What was done stays done.
    case interrupted
    /// Nothing is lost; the next call tries again.
    case failed(StorageError)
    /// The same, but not tried again before the next start.
    case barred(StorageError)
  }

  var outcome = Outcome.complete
  /// Times that the map of keys was filled and the log gone over; one that was broken off does not count.
  var passCount = 0
  /// Files that were replaced, and their bytes.
  var segmentsBefore = 0
  var bytesBefore = 0
  /// What replaced them.
  var segmentsAfter = 0
  var bytesAfter = 0
  /// Records taken out, tombstones included.
  var recordsDropped = 0
  var tombstonesDropped = 0
  var milliseconds: Int64 = 0
}

/// Where a partition stands with compaction, beside what its state file says.
struct CompactionState: Sendable {
  var isRunning = false
  /// Why it is not compacted before the next start.
  var bar: StorageError?
  /// Whether the last try failed: said once, not at each try.
  var isFailing = false
}
