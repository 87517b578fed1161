internal import Synchronization

/// How far producer ids were handed out, for the hot path: a check costs one load. Thread-safe; written by
/// `ProducerRegistry` only.
///
/// An id that was never handed out must not be used: its later owner's first records would look like repeats.
package final class ProducerIDs: Sendable {
  private let next = Atomic<Int64>(1)

  package init() {}

  /// Whether a producer may have this id. After a start also those that were set aside and never given to anybody: nobody
  /// will be given them any more.
  package func wasHandedOut(_ id: Int64) -> Bool { id > 0 && id < next.load(ordering: .acquiring) }

  /// All ids below `next` count as handed out.
  func advance(to next: Int64) { self.next.max(next, ordering: .releasing) }
}
