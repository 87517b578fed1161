internal import TailraceWire

/// Where batches begin in a segment: about one entry for every 4 KiB, always at a batch boundary.
///
/// 16 bytes per entry. Offsets are relative to the segment's base, which therefore spans at most 2^31 offsets and
/// bytes. `maxTimestampMs` is the running maximum over all batches *before* the entry, so it never decreases.
struct OffsetIndex {
  struct Entry {
    var relativeOffset: UInt32
    var position: UInt32
    var maxTimestampMs: Int64
  }

  /// Bytes of log between two entries.
  static let interval = 4096

  private(set) var entries: [Entry] = []
  /// The highest timestamp of all batches, milliseconds since 1970; `Int64.min` where there are none.
  private(set) var maxTimestampMs = Int64.min

  /// Notes a batch that begins at `position`; batches come in order.
  mutating func add(relativeOffset: UInt32, position: Int, timestampMs: Int64) {
    let isDue = entries.last.map { position - Int($0.position) >= Self.interval } ?? true
    if isDue {
      entries.append(
        Entry(relativeOffset: relativeOffset, position: UInt32(position), maxTimestampMs: maxTimestampMs))
    }
    maxTimestampMs = max(maxTimestampMs, timestampMs)
  }

  /// The last entry at or before an offset.
  func floor(relativeOffset: UInt32) -> Entry? {
    let index = firstIndex { $0.relativeOffset > relativeOffset }
    return index > 0 ? entries[index - 1] : nil
  }

  /// The last entry at or before a position.
  func floor(position: Int) -> Entry? {
    let index = firstIndex { Int($0.position) > position }
    return index > 0 ? entries[index - 1] : nil
  }

  /// The last entry such that all batches before it have timestamps below `timestampMs`.
  func floor(timestampMs: Int64) -> Entry? {
    let index = firstIndex { $0.maxTimestampMs >= timestampMs }
    return index > 0 ? entries[index - 1] : nil
  }

  /// Puts the index of the batches before this one's first in front.
  mutating func prepend(_ earlier: OffsetIndex) {
    for index in entries.indices {
      entries[index].maxTimestampMs = max(entries[index].maxTimestampMs, earlier.maxTimestampMs)
    }
    entries.insert(contentsOf: earlier.entries, at: 0)
    maxTimestampMs = max(maxTimestampMs, earlier.maxTimestampMs)
  }

  /// The first index whose entry satisfies `isPast`; entries that do come after all that do not.
  private func firstIndex(where isPast: (Entry) -> Bool) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = low + (high - low) / 2
      if isPast(entries[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
