internal import TailraceWire

/// Up to where no record is as late as some time: so that a look-up by time goes to its segment by binary search, however
/// many segments there are. Noted as look-ups come by; what was true once stays true, since records are never changed,
/// only removed.
struct TimeBounds {
  /// All records below `end` have timestamps of at most `maxTimestampMs`.
  private struct Bound {
    var end: Offset
    var maxTimestampMs: Int64
  }

  /// Ends ascend, and timestamps never descend.
  private var bounds: [Bound] = []

  /// Bounds that are kept.
  var count: Int { bounds.count }

  /// Where a search for `timestampMs` or later may begin: all records below are earlier.
  func start(for timestampMs: Int64) -> Offset {
    var low = 0
    var high = bounds.count
    while low < high {
      let middle = low + (high - low) / 2
      if bounds[middle].maxTimestampMs < timestampMs { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? bounds[low - 1].end : .zero
  }

  /// Notes that records from `start` up to `end` have timestamps of at most `maxTimestampMs`. Of use only where
  /// everything below `start` is known. `logStart`: below it there are no records.
  mutating func note(from start: Offset, to end: Offset, maxTimestampMs: Int64, logStart: Offset) {
    let known = max(bounds.last?.end ?? .zero, logStart)
    guard start <= known, end > known else { return }
    bounds.append(Bound(end: end, maxTimestampMs: max(maxTimestampMs, bounds.last?.maxTimestampMs ?? .min)))
    // Of those that lie below the log's start one is enough.
    let gone = bounds.prefix { $0.end <= logStart }.count
    if gone > 1 { bounds.removeFirst(gone - 1) }
  }
}
