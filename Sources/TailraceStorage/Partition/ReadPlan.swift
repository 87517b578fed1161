internal import TailraceWire

/// What a partition's lock says about a read; the rest is worked out without it.
struct ReadPlan {
  let segment: LogSegment
  /// The offset wanted.
  let offset: Offset
  /// Position in the segment below which all may be read, a batch boundary; nil: all of it.
  let limit: Int?
  /// Where the batch begins that begins with the offset, if that is known.
  let place: IndexedPlace?
  let bounds: PartitionBounds
}

/// What became of planning a read.
enum ReadDecision {
  case plan(ReadPlan)
  /// There is nothing at the offset yet.
  case empty(PartitionBounds)
  case failed(StorageError, PartitionBounds?)
}

extension LogState {
  /// Which segment a read goes to, and how far it may go. Below the high watermark always.
  func planRead(at offset: Offset, lastEpoch: UInt32?) -> ReadDecision {
    if let unreadable { return .failed(unreadable, nil) }
    if let fault, offset > highWatermark.offset { return .failed(fault, bounds) }
    if let lastEpoch, let point = truncationPoint(offset, lastEpoch) {
      return .failed(
        StorageError(
          .offsetTruncated(to: point),
          "offset \(offset) was seen in epoch \(lastEpoch), but the log fell back to \(point) since"), bounds)
    }
    guard offset >= logStart, offset <= highWatermark.offset else {
      return .failed(
        StorageError(
          .offsetOutOfRange,
          "offset \(offset) is not between \(logStart) (the log's start) and \(highWatermark.offset) (readable end)"),
        bounds)
    }
    guard offset < highWatermark.offset else {
      if let fault { return .failed(fault, bounds) }
      return .empty(bounds)
    }
    guard let index = segmentIndex(of: offset) else {
      return .failed(StorageError(.dataLoss, "offset \(offset) is in no segment"), bounds)
    }
    let segment = segments[index]
    let limit = segment.baseOffset == highWatermark.segment ? highWatermark.position : nil
    let place = tail.place(of: offset, in: segment.baseOffset)
    return .plan(ReadPlan(segment: segment, offset: offset, limit: limit, place: place, bounds: bounds))
  }

  /// Where the log fell back to after a reader saw `offset` in `lastEpoch`; nil where what it saw still stands.
  private func truncationPoint(_ offset: Offset, _ lastEpoch: UInt32) -> Offset? {
    guard lastEpoch < partitionEpoch else { return nil }
    let start = epochs.lazy.filter { $0.epoch > lastEpoch }.map(\.startOffset).min()
    if let start, offset.rawValue > start { return Offset(start) }
    return offset > highWatermark.offset ? highWatermark.offset : nil
  }
}
