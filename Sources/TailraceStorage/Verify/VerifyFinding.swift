package import TailraceWire

/// Something in a data directory that is not as it should be, and where.
package struct VerifyFinding: Sendable, Hashable {
  package enum Severity: String, Sendable, Hashable {
    /// Nothing is lost: the next start deals with it, or a person may clear it away.
    case warning
    /// Data, or what is needed to find it, is lost or damaged.
    case error
  }

  package enum Kind: String, Sendable, Hashable {
    /// Bytes that are no batch, or do not match their checksum.
    case damage
    /// Offsets that are in no batch.
    case missing
    /// A batch that matches its checksums, and whose records cannot be read as its header says.
    case records
    /// The unfinished end of a log that was not closed cleanly.
    case tornTail = "torn_tail"
    /// The operating system could not read it.
    case unreadable
    /// A partition's state file, or a file of the data directory.
    case state
    /// What a start or a compaction left, or what is no file of a broker's.
    case leftover
    /// An index, or what is remembered of producers: made anew from the log where it is needed.
    case derived
  }

  package var severity: Severity
  package var kind: Kind
  /// The file, or the directory.
  package var path: String
  /// Bytes from the file's beginning.
  package var position: Int?
  /// The first offset that is concerned.
  package var offset: Offset?
  /// The end of the offsets that are concerned, exclusive; nil where that is not known.
  package var endOffset: Offset?
  /// What is wrong, for a person.
  package var reason: String

  package init(
    _ severity: Severity, _ kind: Kind, path: String, position: Int? = nil, offset: Offset? = nil,
    endOffset: Offset? = nil, _ reason: String
  ) {
    self.severity = severity
    self.kind = kind
    self.path = path
    self.position = position
    self.offset = offset
    self.endOffset = endOffset
    self.reason = reason
  }
}

extension VerifyFinding: CustomStringConvertible {
  /// "PATH at position 118, offset 7: the records do not match their checksum".
  package var description: String {
    var place = path
    if let position { place += " at position \(position)" }
    if let offset { place += position == nil ? " at offset \(offset)" : ", offset \(offset)" }
    return "\(place): \(reason)"
  }
}

/// What was looked at.
package struct VerifyTotals: Sendable, Hashable {
  package var segments = 0
  package var batches = 0
  package var records = 0
  package var bytes = 0

  package init() {}

  package static func += (left: inout VerifyTotals, right: VerifyTotals) {
    left.segments += right.segments
    left.batches += right.batches
    left.records += right.records
    left.bytes += right.bytes
  }
}
