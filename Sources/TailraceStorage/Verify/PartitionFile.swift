package import TailraceWire

/// What a file in a partition's directory is, by its name.
package enum PartitionFile: Sendable, Hashable {
  /// Begins at this offset.
  case segment(Offset)
  case state
  /// Derived from the segment of the same name: `.index`, `.timeindex`.
  case index
  /// What is remembered of producers.
  case producers
  /// A replacement that was not finished: `.new`.
  case unfinished
  /// What recovery cut off or set aside: `.log.torn`, `.log.torn.2`, ...
  case torn
  /// A segment that compaction wrote, and has not put into its place yet: `.compacting`, `.swap`.
  case compacting
  case unknown

  package init(name: String) {
    if let base = LogSegment.baseOffset(ofFileName: name) {
      self = .segment(base)
    } else if name == StateFile.name {
      self = .state
    } else if name.hasSuffix(".new") {
      self = .unfinished
    } else if name.hasSuffix(".swap") || name.hasSuffix(".compacting") {
      self = .compacting
    } else if Self.isTorn(name) {
      self = .torn
    } else if name.hasSuffix(".index") || name.hasSuffix(".timeindex") {
      self = .index
    } else if name.hasSuffix(".producers") {
      self = .producers
    } else {
      self = .unknown
    }
  }

  private static func isTorn(_ name: String) -> Bool {
    guard let range = name.firstRange(of: ".log.torn") else { return false }
    let rest = name[range.upperBound...]
    return rest.isEmpty || (rest.first == "." && UInt32(rest.dropFirst()) != nil)
  }

  /// What to say of a file that is no part of the log; nil where nothing is.
  var leftover: String? {
    switch self {
    case .segment, .state, .index, .producers: nil
    case .unfinished: "the replacement of a file that was broken off; the next start makes it anew"
    case .torn: "cut off by an earlier start; remove it once nobody wants to look at it"
    case .compacting: "left by a compaction that was broken off; the next start deals with it"
    case .unknown: "not a file of a partition"
    }
  }
}
