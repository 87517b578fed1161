internal import HeapModule

/// When something is to be done about which member, earliest first. A member whose deadline moves back, as with each
/// heartbeat, keeps its place: whoever takes it out puts it in again at its new time. So a heartbeat costs nothing here.
struct DeadlineQueue: Sendable {
  struct Entry: Sendable, Comparable {
    let timeMs: Int64
    let member: MemberID

    static func < (first: Entry, second: Entry) -> Bool { first.timeMs < second.timeMs }
  }

  private var heap = Heap<Entry>()

  /// Entries, also such as were replaced by earlier ones of the same member.
  var count: Int { heap.count }

  var earliestMs: Int64? { heap.min?.timeMs }

  mutating func insert(_ member: MemberID, at timeMs: Int64) { heap.insert(Entry(timeMs: timeMs, member: member)) }

  /// Takes out the first entry that is due, if there is one.
  mutating func pop(dueAt now: Int64) -> Entry? {
    guard let first = heap.min, first.timeMs <= now else { return nil }
    return heap.popMin()
  }

  mutating func removeAll() { heap = Heap() }
}
