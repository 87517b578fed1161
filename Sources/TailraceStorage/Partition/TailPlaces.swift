internal import TailraceWire

/// Where the last batches of a partition begin: who reads at the tail asks for one of these, and need not have it looked
/// up in the file.
struct TailPlaces {
  private static let capacity = 8

  /// The segment that all of them are in.
  private var segment = Offset.zero
  private var places: [IndexedPlace] = []
  /// Where the next one goes, once there are as many as there may be.
  private var next = 0

  /// A batch was appended to a segment.
  mutating func note(_ offset: Offset, at position: Int, in segment: Offset) {
    if segment != self.segment {
      self.segment = segment
      places.removeAll(keepingCapacity: true)
      next = 0
    }
    let place = IndexedPlace(offset: offset, position: position)
    if places.count < Self.capacity {
      places.append(place)
    } else {
      places[next] = place
      next = (next + 1) % Self.capacity
    }
  }

  /// The batch that begins with `offset`; nil where it is not one of the last.
  func place(of offset: Offset, in segment: Offset) -> IndexedPlace? {
    guard segment == self.segment else { return nil }
    return places.last { $0.offset == offset }
  }
}
