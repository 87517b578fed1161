import Synchronization
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire

/// What goes by age, by size and on demand.
extension RandomRun {
  /// How a partition's segments lie.
  struct Layout {
    /// Base offsets, ascending; the last is of the segment that is appended to.
    var bases: [Int64]
    /// Bytes of the first segment, where it is finished.
    var firstBytes: Int?
    /// Below it compaction has gone over everything.
    var compactedEnd: Int64
    /// Passes of compaction that are remembered.
    var markCount: Int

    var activeBase: Int64 { bases[bases.count - 1] }
  }

  func layout(of partition: PartitionID) throws -> Layout {
    try local.store.log(of: partition).get().state.withLock { state in
      Layout(
        bases: state.segments.map(\.baseOffset.rawValue), firstBytes: state.segments[0].sealedByteCount,
        compactedEnd: state.compactedEnd.rawValue, markCount: state.compactions.count)
    }
  }

  func roll() async throws {
    let ageMs = topics[generator.below(topics.count)].config.segmentMs ?? 10_000
    note("\(ageMs) ms")
    clock.advance(byMs: ageMs + 1)
    try await maintain()
  }

  func retain() async throws {
    let ageMs = topics[generator.below(topics.count)].config.retentionMs ?? 10_000
    clock.advance(byMs: Int64(generator.below(Int(ageMs))))
    try await maintain()
  }

  /// Twice, so that what the first round rolls is on disk when it comes to be removed.
  private func maintain() async throws {
    for _ in 0..<2 {
      try await local.store.maintain()
      await settle()
    }
    for partition in partitions {
      try await checkRetention(of: partition)
      try await checkAges(of: partition)
    }
  }

  /// The model does not know of segments: what went is compared with what may go and must, and then goes there, too.
  private func checkRetention(of partition: PartitionID) async throws {
    let before = try model.bounds(of: partition)
    let start = try local.store.bounds(of: partition).logStart.rawValue
    try require(
      start >= before.logStart.rawValue, "the start of \(partition) moved from \(before.logStart) to \(start)")
    guard start > before.logStart.rawValue else { return }
    let config = config(of: partition)
    let base = try layout(of: partition).bases[0]
    try require(config.cleanup.contains(.delete), "\(partition) is not to be deleted from")
    try require(start == base, "the start of \(partition) moved to \(start), within the segment at \(base)")
    let size = try await local.store.describe(partition).sizeBytes
    let isTooLarge = config.retentionBytes.map { size >= UInt64($0) } ?? false
    for batch in try await modelBatches(of: partition, from: before.logStart.rawValue) where batch.base < start {
      try require(
        isTooLarge || isPast(batch.header.appendTimestampMs, config.retentionMs),
        "the batch at \(batch.base) of \(partition) went, of \(batch.header.appendTimestampMs); \(size) bytes are left")
    }
    _ = try await model.deleteRecords(before: Offset(start), in: partition, fence: .local)
  }

  /// Nothing is left that was to be removed or rolled.
  private func checkAges(of partition: PartitionID) async throws {
    let config = config(of: partition)
    let layout = try layout(of: partition)
    let start = try model.bounds(of: partition).logStart.rawValue
    let batches = try await modelBatches(of: partition, from: start)
    if config.cleanup.contains(.delete), layout.bases.count > 1, let firstBytes = layout.firstBytes {
      if let last = batches.last(where: { $0.base < layout.bases[1] }) {
        try require(
          !isPast(last.header.appendTimestampMs, config.retentionMs), "\(partition): \(layout.bases[0]) stays")
      }
      let size = Int64(try await local.store.describe(partition).sizeBytes)
      try require(
        config.retentionBytes.map { size - Int64(firstBytes) < $0 } ?? true,
        "\(partition): \(layout.bases[0]) stays, \(firstBytes) of \(size) bytes")
    }
    guard let first = batches.first(where: { $0.base >= layout.activeBase }), start <= layout.activeBase else { return }
    try require(!isPast(first.header.appendTimestampMs, config.segmentMs), "\(partition): not rolled")
  }

  private func isPast(_ timeMs: Int64, _ ageMs: Int64?) -> Bool { ageMs.map { clock.nowMs() > timeMs + $0 } ?? false }

  // MARK: - On demand

  func trim() async throws {
    let partition = randomPartition()
    let bounds = try model.bounds(of: partition)
    let (start, end) = (bounds.logStart.rawValue, bounds.logEnd.rawValue)
    let offset: Int64? =
      switch generator.below(12) {
      case 0: nil
      case 1: end + 1
      case 2: [Int64.max, -1, .min, start - 1][generator.below(4)]
      default: Int64.random(in: start...(generator.below(4) == 0 ? end : start + (end - start) / 3), using: &generator)
      }
    note("\(partition) to \(offset.map { "\($0)" } ?? "the end")")
    let found = await trim(partition, to: offset, in: local.store)
    let expected = await trim(partition, to: offset, in: model)
    try require(found == expected, "\(found), not \(expected)")
  }

  private func trim(_ partition: PartitionID, to offset: Int64?, in store: some LogStore) async -> String {
    do throws(StorageError) {
      let start = try await store.deleteRecords(before: offset.map { Offset($0) }, in: partition, fence: .local)
      return "\(start)"
    } catch {
      return "\(error.kind)"
    }
  }
}
