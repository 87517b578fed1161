@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire

/// What compaction may take out and must. The model follows.
extension RandomRun {
  func compact() async throws {
    try await local.store.compact()
    await settle()
    for partition in partitions where config(of: partition).cleanup.contains(.compact) {
      try await checkCompaction(of: partition)
    }
    for partition in partitions { try await checkContents(of: partition) }
  }

  private func checkCompaction(of partition: PartitionID) async throws {
    let start = try model.bounds(of: partition).logStart.rawValue
    let before = try await modelBatches(of: partition, from: start)
    let after = try await local.store.allBatches(from: start, of: partition, maxBytes: 1 << 20).records(from: start)
    let dropped = try dropped(before.records(from: start), after, partition)
    let layout = try layout(of: partition)
    var latest: [String: Int64] = [:]
    for record in before.records(from: start) { if let key = record.key { latest[key] = record.offset } }
    for batch in before {
      for record in batch.records where dropped.contains(record.offset) {
        try require(record.offset < layout.activeBase, "\(record) of \(partition) went out of the active segment")
        guard let key = record.key else { throw Divergence("\(record) of \(partition) went, without a key") }
        try checkDrop(record, of: batch, isLatest: latest[key] == record.offset, partition)
      }
    }
    try checkIsCompact(after, layout, start: start, partition)
    try model.keep(in: partition) { !dropped.contains($0.rawValue) }
  }

  /// Offsets of the records that are not there any more. Throws where what is there was not, or in another order.
  private func dropped(
    _ before: [LogRecord], _ after: [LogRecord], _ partition: PartitionID
  ) throws -> Set<Int64> {
    var rest = after[...]
    var dropped: Set<Int64> = []
    for record in before {
      if record == rest.first { rest.removeFirst() } else { dropped.insert(record.offset) }
    }
    try require(rest.isEmpty, "\(partition) after compaction: \(rest.first.map { "\($0)" } ?? "") was not there")
    return dropped
  }

  private func checkDrop(
    _ record: LogRecord, of batch: LogBatch, isLatest: Bool, _ partition: PartitionID
  ) throws {
    let config = config(of: partition)
    let nowMs = clock.nowMs()
    let seenMs = tombstonesSeenMs[partition]?[record.offset]
    if isLatest {
      try require(record.value == nil, "\(record) of \(partition) went, the latest of its key")
      // Where it is to stay for no time, a second pass of this call may have taken it, after the first one saw it.
      try require(
        (seenMs ?? nowMs) + config.deleteRetentionMs <= nowMs,
        "tombstone \(record) of \(partition) went at \(nowMs), first left \(seenMs.map { "at \($0)" } ?? "never")"
          + ", to stay for \(config.deleteRetentionMs) ms")
    }
    try require(
      seenMs != nil || batch.header.appendTimestampMs <= nowMs - config.minCompactionLagMs,
      "\(record) of \(partition) went, which is younger than the lag")
  }

  /// Each key is there once in what compaction has gone over, and no tombstone is over its time.
  private func checkIsCompact(
    _ records: [LogRecord], _ layout: Layout, start: Int64, _ partition: PartitionID
  ) throws {
    let config = config(of: partition)
    let nowMs = clock.nowMs()
    let end = max(layout.compactedEnd, start)
    try require(
      config.minCompactionLagMs > 0 || end >= layout.activeBase,
      "\(partition) is compacted to \(end), and finished to \(layout.activeBase)")
    var keys: Set<String> = []
    for record in records where record.offset < layout.compactedEnd {
      guard let key = record.key else { continue }
      try require(keys.insert(key).inserted, "\(record) of \(partition) is not the only one of its key")
      guard record.value == nil else { continue }
      let seenMs = tombstonesSeenMs[partition, default: [:]][record.offset]
      try require(
        seenMs.map { $0 + config.deleteRetentionMs > nowMs || layout.markCount >= LogState.maxCompactionMarks } ?? true,
        "tombstone \(record) of \(partition) stays at \(nowMs), first left at \(seenMs ?? 0)")
      tombstonesSeenMs[partition, default: [:]][record.offset] = seenMs ?? nowMs
    }
  }
}
