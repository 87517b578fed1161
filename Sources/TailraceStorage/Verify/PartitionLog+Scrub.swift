internal import Synchronization
internal import TailraceWire

/// A segment to be scrubbed.
struct ScrubTarget {
  let segment: LogSegment
  /// The base offset of the segment after it; nil where there is none, or it is not scrubbed to its end.
  let nextBase: Offset?
  /// How much of it is on disk; nil: all of the file.
  let byteCount: Int?
}

extension PartitionLog {
  /// The first segment that begins at or after `base` and has something on disk; nil where there is none, or the
  /// partition is dropped, closed, or unreadable anyway.
  func scrubTarget(from base: Offset) -> ScrubTarget? {
    state.withLock { state in
      guard state.unreadable == nil else { return nil }
      let end = state.durableEnd
      guard let index = state.segments.firstIndex(where: { $0.baseOffset >= base }) else { return nil }
      let segment = state.segments[index]
      guard segment.baseOffset <= end.segment else { return nil }
      guard segment.baseOffset == end.segment else {
        let next = index + 1 < state.segments.count ? state.segments[index + 1].baseOffset : nil
        return ScrubTarget(segment: segment, nextBase: next, byteCount: nil)
      }
      return end.position > 0 ? ScrubTarget(segment: segment, nextBase: nil, byteCount: end.position) : nil
    }
  }

  /// Whether the log still has the segment, the one that follows it being the same.
  func holds(_ target: ScrubTarget) -> Bool {
    state.withLock { state in
      guard state.ending == nil, let index = state.segments.firstIndex(where: { $0 === target.segment }) else {
        return false
      }
      guard let nextBase = target.nextBase else { return true }
      return index + 1 < state.segments.count && state.segments[index + 1].baseOffset == nextBase
    }
  }

  /// What the scrub found, for whoever describes the partition; nil: nothing.
  func noteScrub(_ fault: StorageError?) {
    state.withLock { $0.scrubFault = fault }
  }
}
