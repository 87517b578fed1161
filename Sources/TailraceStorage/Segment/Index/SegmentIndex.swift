internal import TailraceWire

/// Where batches begin in a segment, by offset, by position and by time, and what they have in common.
struct SegmentIndex: Hashable {
  private(set) var offsets = OffsetIndex()
  private(set) var times = TimeIndex()
  /// Nil where there is no batch.
  private(set) var summary: SegmentSummary?

  init() {}

  /// Both have one entry for the same places.
  init(offsets: OffsetIndex, times: TimeIndex, summary: SegmentSummary?) {
    self.offsets = offsets
    self.times = times
    self.summary = summary
  }

  /// Memory that the entries take, bytes.
  var byteCount: Int { offsets.entries.count * 16 }

  /// Notes a batch that begins at `position`; batches come in order.
  mutating func add(_ header: RecordBatchHeader, relativeOffset: UInt32, position: Int) {
    if offsets.isDue(at: position) {
      offsets.add(relativeOffset: relativeOffset, position: position)
      times.add(summary?.maxTimestampMs ?? .min)
    }
    let batch = SegmentSummary(header, position: position)
    summary = summary?.followed(by: batch) ?? batch
  }

  func floor(relativeOffset: UInt32) -> OffsetIndex.Entry? {
    offsets.floor(relativeOffset: relativeOffset).map { offsets.entries[$0] }
  }

  func floor(position: Int) -> OffsetIndex.Entry? { offsets.floor(position: position).map { offsets.entries[$0] } }

  /// The last entry such that all batches before it have timestamps below `timestampMs`; nil where no batch reaches it.
  func floor(timestampMs: Int64) -> OffsetIndex.Entry? {
    guard let summary, summary.maxTimestampMs >= timestampMs else { return nil }
    return times.floor(timestampMs: timestampMs).map { offsets.entries[$0] }
  }

  /// Puts the index of the batches before this one's first in front.
  mutating func prepend(_ earlier: SegmentIndex) {
    offsets.prepend(earlier.offsets)
    times.prepend(earlier.times, highest: earlier.summary?.maxTimestampMs ?? .min)
    if let before = earlier.summary { summary = summary.map(before.followed(by:)) ?? before }
  }
}

/// What the batches of a segment have in common. Times in milliseconds since 1970.
struct SegmentSummary: Hashable {
  /// The highest timestamp that readers see.
  var maxTimestampMs: Int64
  /// The broker's clock at the first append.
  var firstAppendMs: Int64
  /// The same at the last.
  var lastAppendMs: Int64
  /// Where the last batch begins.
  var lastPosition: UInt32
  /// The checksum of its records: tells this log from another of the same length.
  var lastRecordsCRC32C: UInt32

  /// Of one batch.
  init(_ header: RecordBatchHeader, position: Int) {
    maxTimestampMs = header.readableMaxTimestampMs
    firstAppendMs = header.appendTimestampMs
    lastAppendMs = header.appendTimestampMs
    lastPosition = UInt32(clamping: position)
    lastRecordsCRC32C = header.recordsCRC32C
  }

  init(
    maxTimestampMs: Int64, firstAppendMs: Int64, lastAppendMs: Int64, lastPosition: UInt32, lastRecordsCRC32C: UInt32
  ) {
    self.maxTimestampMs = maxTimestampMs
    self.firstAppendMs = firstAppendMs
    self.lastAppendMs = lastAppendMs
    self.lastPosition = lastPosition
    self.lastRecordsCRC32C = lastRecordsCRC32C
  }

  /// Of these batches and those of `next`, which come behind.
  func followed(by next: SegmentSummary) -> SegmentSummary {
    var all = next
    all.maxTimestampMs = max(maxTimestampMs, next.maxTimestampMs)
    all.firstAppendMs = firstAppendMs
    all.lastAppendMs = max(lastAppendMs, next.lastAppendMs)
    return all
  }
}
