/// For each entry of an offset index the highest timestamp of all batches *before* it, milliseconds since 1970, so that
/// the numbers never decrease, whatever clients' clocks do. 8 bytes per entry.
struct TimeIndex: Hashable {
  /// `Int64.min` where no batch comes before.
  private(set) var maxima: [Int64] = []

  init(maxima: [Int64] = []) { self.maxima = maxima }

  /// Notes the highest timestamp before the next entry.
  mutating func add(_ maxTimestampMs: Int64) { maxima.append(maxTimestampMs) }

  /// Place of the last entry such that all batches before it have timestamps below `timestampMs`.
  func floor(timestampMs: Int64) -> Int? { maxima.lastIndexBefore { $0 >= timestampMs } }

  /// Puts the numbers of earlier batches, the highest of which is `highest`, in front.
  mutating func prepend(_ earlier: TimeIndex, highest: Int64) {
    for index in maxima.indices { maxima[index] = max(maxima[index], highest) }
    maxima.insert(contentsOf: earlier.maxima, at: 0)
  }
}
