internal import NIOCore
internal import TailraceWire

/// Writes a group of segments as one, without the records that go.
///
/// Nothing is written before the first batch that changes; where none does, a single segment stays as it is. Batches that
/// stay are copied in ranges, byte for byte. Batches without records that follow one another become one, also over the
/// end of a segment: nearly nothing is left of a log that was overwritten.
struct SegmentRewriter {
  private let group: [CompactionPlan.Source]
  private let isCancelled: @Sendable () -> Bool
  private(set) var judge: CompactionJudge
  private var output: CompactedFile
  /// The segment that is read.
  private var source: (any File)?
  /// From here to the batch that is looked at, the source is to be copied.
  private var copyStart = 0
  /// Batches without records, not written yet.
  private var run: EmptyRun?
  /// Bytes by which the new segment may be larger than the group.
  private var growthLeft: Int

  /// Batches without records that follow one another.
  private struct EmptyRun {
    var header: RecordBatchHeader
    /// Where it begins in the source; nil where in an earlier one.
    var start: Int?
    /// Whether it is anything but one batch as it lies in the source.
    var isChanged: Bool
  }

  /// `group`: at least one, next to one another.
  init(
    _ group: [CompactionPlan.Source], into output: CompactedFile, judge: CompactionJudge,
    isCancelled: @escaping @Sendable () -> Bool
  ) {
    self.group = group
    self.output = output
    self.judge = judge
    self.isCancelled = isCancelled
    growthLeft = Int(Int32.max) - group.reduce(0) { $0 + $1.byteCount }
  }

  /// Reads the whole group. The new segment and its length, on disk in the stage `.compacting`; nil where nothing changes. Where it
  /// throws, a part of the file may be there.
  mutating func rewrite() throws(CompactionStop) -> (segment: LogSegment, byteCount: Int)? {
    for (index, next) in group.enumerated() {
      var reader = try CompactionReader(next)
      source = reader.file
      copyStart = 0
      while let batch = try reader.next() {
        guard !isCancelled() else { throw .interrupted }
        try take(batch, &reader)
      }
      try endSource(at: reader.byteCount, isLast: index == group.count - 1)
    }
    return try output.finish()
  }

  private mutating func take(
    _ batch: BatchScanner.Batch, _ reader: inout CompactionReader
  ) throws(CompactionStop) {
    guard batch.header.recordCount > 0 else { return try addEmpty(batch.header, at: batch.position, isChanged: false) }
    switch try outcome(batch, &reader) {
    case .unchanged, .tooLarge:
      try endRun(at: batch.position)
      note(batch.header, at: batch.position)
    case .rewritten(let header, _) where header.recordCount == 0:
      try addEmpty(header, at: batch.position, isChanged: true)
    case .rewritten(let header, let records):
      try endRun(at: batch.position)
      try copy(upTo: batch.position)
      try output.append(header, records)
      copyStart = batch.end
    }
  }

  /// What the records of a batch may take: what a log takes, and together no more than makes a file of 2 GiB.
  private func maxRecordsBytes(of batch: BatchScanner.Batch) -> Int {
    min(
      LogConfig.maxBatchBytesCeiling - RecordBatchHeader.byteCount, Int(batch.header.recordsLength) + max(0, growthLeft)
    )
  }

  private mutating func outcome(
    _ batch: BatchScanner.Batch, _ reader: inout CompactionReader
  ) throws(CompactionStop) -> RecordBatchRewriter.Outcome {
    guard judge.concerns(batch.header) else { return .unchanged }
    let records = try reader.records(of: batch)
    do throws(RecordBatchError) {
      let before = judge
      let outcome = try records.rewrite(maxBytes: maxRecordsBytes(of: batch)) { judge.keeps($0) }
      switch outcome {
      case .rewritten(let header, _):
        growthLeft -= max(0, Int(header.recordsLength) - Int(batch.header.recordsLength))
      case .tooLarge:
        judge = before
        judge.keepTombstones()
      case .unchanged: break
      }
      return outcome
    } catch {
      throw CompactionStop(error, in: reader.file.path)
    }
  }

  /// Notes a batch of the source that is copied later.
  private mutating func note(_ header: RecordBatchHeader, at position: Int) {
    output.note(header, at: output.byteCount + position - copyStart)
  }

  private mutating func copy(upTo position: Int) throws(CompactionStop) {
    guard let source, copyStart < position else { return }
    try output.copy(copyStart..<position, of: source)
    copyStart = position
  }

  private mutating func endSource(at position: Int, isLast: Bool) throws(CompactionStop) {
    if isLast {
      try endRun(at: position)
      if group.count > 1 || output.isBegun { try copy(upTo: position) }
    } else if let run {
      // It may go on in the next one. What began in an earlier one has taken all of this one.
      if let start = run.start { try copy(upTo: start) }
      self.run?.start = nil
    } else {
      try copy(upTo: position)
    }
  }

  // MARK: - Batches without records

  private mutating func addEmpty(
    _ header: RecordBatchHeader, at position: Int, isChanged: Bool
  ) throws(CompactionStop) {
    if let merged = run?.header.merged(with: header) {
      run?.header = merged
      run?.isChanged = true
    } else {
      try endRun(at: position)
      run = EmptyRun(header: header, start: position, isChanged: isChanged)
    }
  }

  /// Writes the run, if there is one, which ends at `position` of the source.
  private mutating func endRun(at position: Int) throws(CompactionStop) {
    guard let run else { return }
    self.run = nil
    if let start = run.start {
      guard run.isChanged else { return note(run.header, at: start) }
      try copy(upTo: start)
    }
    try output.append(run.header, ByteBuffer())
    copyStart = position
  }
}
