internal import DequeModule
internal import Synchronization

/// Bounds the memory that indexes of finished segments take: past it those go that were not used for longest, about (a
/// second chance for each that was used since it was last looked at). They are loaded again when needed.
///
/// Thread-safe; its lock is taken alone.
final class IndexCache: Sendable {
  private struct Entry {
    weak var segment: LogSegment?
    var byteCount: Int
  }

  private struct Contents {
    var queue: Deque<Entry> = []
    var byteCount = 0
  }

  private let limit: Int
  private let contents = Mutex(Contents())

  /// `limit`: bytes.
  init(limit: Int) { self.limit = limit }

  /// Bytes of the indexes that are kept; those of segments that are gone may still be among them.
  var byteCount: Int { contents.withLock { $0.byteCount } }

  /// Counts in a segment whose index was made or loaded. May drop others', or its own. No lock may be held.
  func add(_ segment: LogSegment, byteCount: Int) {
    contents.withLock { contents in
      contents.queue.append(Entry(segment: segment, byteCount: byteCount))
      contents.byteCount += byteCount
    }
    var chances = contents.withLock { $0.queue.count }
    while let entry = takeOldest() {
      if chances > 0, let segment = entry.segment, segment.takeIndexUse() {
        chances -= 1
        contents.withLock { contents in
          contents.queue.append(entry)
          contents.byteCount += entry.byteCount
        }
      } else {
        entry.segment?.dropIndex()
      }
    }
  }

  private func takeOldest() -> Entry? {
    contents.withLock { contents in
      guard contents.byteCount > limit, let entry = contents.queue.popFirst() else { return nil }
      contents.byteCount -= entry.byteCount
      return entry
    }
  }
}
