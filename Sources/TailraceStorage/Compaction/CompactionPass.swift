internal import Synchronization
internal import TailraceWire

/// One pass over a partition: notes the latest offset of each key in what was not gone over yet, as far as the map
/// holds, and then takes out of all segments below what came too early.
struct CompactionPass {
  let log: PartitionLog
  let plan: CompactionPlan
  let options: CompactionOptions
  let isCancelled: @Sendable () -> Bool

  /// What the map of keys tells, and up to where, exclusive.
  private struct Keys {
    var map: KeyMap?
    var secret: KeyHash.Secret
    var end: Offset
  }

  /// Returns whether the pass went over all of the plan: where not, the map was full. Counts in `report`, also where it
  /// throws: segments that were replaced stay so.
  func run(_ report: inout CompactionReport) throws(CompactionStop) -> Bool {
    let largest = plan.groups(below: plan.end).map { $0.reduce(0) { $0 + $1.byteCount } }.max() ?? 0
    if let full = log.reserve.refusal(ofFileOf: largest) { throw .failed(full) }
    let keys = try noteKeys()
    var judge = CompactionJudge(
      keys: keys.map, secret: keys.secret, end: keys.end, tombstoneEnd: plan.tombstoneEnd)
    for group in plan.groups(below: max(keys.end, plan.tombstoneEnd)) {
      judge = try rewrite(group, judge, &report)
    }
    report.recordsDropped += judge.recordsDropped
    report.tombstonesDropped += judge.tombstonesDropped
    report.passCount += 1
    log.finishPass(to: keys.end, tombstoneEnd: plan.tombstoneEnd, keepsTombstones: judge.keepsTombstones)
    return keys.end == plan.end
  }

  private func noteKeys() throws(CompactionStop) -> Keys {
    var generator = SystemRandomNumberGenerator()
    var keys = Keys(map: nil, secret: KeyHash.Secret(using: &generator), end: plan.dirtyStart)
    guard plan.hasDirty else { return keys }
    guard let map = KeyMap(byteCount: options.keyMapBytes) else {
      throw .failed(StorageError(.full, "compacting: no memory for \(options.keyMapBytes) bytes of keys"))
    }
    keys.map = map
    for source in plan.sources where source.end > plan.dirtyStart {
      var reader = try CompactionReader(source, from: plan.dirtyStart)
      while let batch = try reader.next() {
        guard !isCancelled() else { throw .interrupted }
        guard let next = batch.header.nextOffset, next > plan.dirtyStart else { continue }
        if batch.header.recordCount > 0, let full = try note(try reader.records(of: batch), map, keys.secret, reader) {
          keys.end = full
          return keys
        }
        keys.end = next
      }
    }
    return keys
  }

  /// Where the map was full: the offset of the first record that is not in it. Nil where it took the whole batch.
  private func note(
    _ records: RecordBatchRewriter, _ map: KeyMap, _ secret: KeyHash.Secret, _ reader: CompactionReader
  ) throws(CompactionStop) -> Offset? {
    var full: Offset?
    do throws(RecordBatchError) {
      try records.forEach { record in
        guard record.offset >= plan.dirtyStart, let key = record.key else { return true }
        if !map.note(KeyHash(key, secret), at: record.offset) { full = record.offset }
        return full == nil
      }
    } catch {
      throw CompactionStop(error, in: reader.file.path)
    }
    return full
  }

  /// The judge as it is afterwards.
  private func rewrite(
    _ group: [CompactionPlan.Source], _ judge: CompactionJudge, _ report: inout CompactionReport
  ) throws(CompactionStop) -> CompactionJudge {
    guard let first = group.first, let last = group.last else { return judge }
    let swap = SegmentSwap(directory: log.directory, base: first.base, end: last.end)
    var rewriter = SegmentRewriter(
      group, into: CompactedFile(swap, log.files), judge: judge, isCancelled: isCancelled)
    do throws(CompactionStop) {
      if let (segment, byteCount) = try rewriter.rewrite() {
        try log.replace(group.map(\.segment), by: segment, swap)
        report.segmentsBefore += group.count
        report.bytesBefore += group.reduce(0) { $0 + $1.byteCount }
        report.segmentsAfter += 1
        report.bytesAfter += byteCount
      }
    } catch {
      try? log.fileSystem.removeFile(swap.path(.compacting))
      throw error
    }
    return rewriter.judge
  }
}
