/// Where batches begin in a segment: about one entry for every 4 KiB, always at a batch boundary.
///
/// 8 bytes per entry. Offsets are relative to the segment's base, which therefore spans at most 2^31 offsets and bytes.
struct OffsetIndex: Hashable {
  struct Entry: Hashable {
    var relativeOffset: UInt32
    var position: UInt32
  }

  /// Bytes of log between two entries.
  static let interval = 4096

  private(set) var entries: [Entry] = []

  init(entries: [Entry] = []) { self.entries = entries }

  /// Whether a batch at `position` is far enough from the last entry to get one of its own.
  func isDue(at position: Int) -> Bool { entries.last.map { position - Int($0.position) >= Self.interval } ?? true }

  /// Notes a batch that begins at `position`; entries come in order.
  mutating func add(relativeOffset: UInt32, position: Int) {
    entries.append(Entry(relativeOffset: relativeOffset, position: UInt32(clamping: position)))
  }

  /// Place of the last entry at or before an offset.
  func floor(relativeOffset: UInt32) -> Int? { entries.lastIndexBefore { $0.relativeOffset > relativeOffset } }

  /// Place of the last entry at or before a position.
  func floor(position: Int) -> Int? { entries.lastIndexBefore { Int($0.position) > position } }

  /// Puts the entries of earlier batches in front.
  mutating func prepend(_ earlier: OffsetIndex) { entries.insert(contentsOf: earlier.entries, at: 0) }
}

extension Array {
  /// The last index whose element does not satisfy `isPast`, by binary search: elements that do come after all that do
  /// not. Nil where all do, or there are none.
  func lastIndexBefore(_ isPast: (Element) -> Bool) -> Int? {
    var low = 0
    var high = count
    while low < high {
      let middle = low + (high - low) / 2
      if isPast(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low > 0 ? low - 1 : nil
  }
}
