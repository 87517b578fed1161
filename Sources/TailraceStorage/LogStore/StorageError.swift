package import TailraceWire

/// Why a store could not do as asked. One file of the broker maps these to the wire.
package struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    case unknownPartition
    /// Below the log's start or past the high watermark.
    case offsetOutOfRange
    /// The log fell back to `to` after the reader saw more.
    case offsetTruncated(to: Offset)
    case batchTooLarge
    case missingKey
    case outOfOrderSequence
    case producerFenced
    case unknownProducer
    /// Another writer has taken over.
    case fenced
    /// Damaged below the durable end.
    case dataLoss
    /// A write or fsync failed before: read-only until restarted.
    case failed
    /// No space left, or below the reserve; or no open files or memory left. It may come back: try again.
    case full
    /// Made by a later release, or in use by another process.
    case incompatible
    /// The operating system said no; `message` has the call and the error's name.
    case inputOutput
    case closed
  }

  package let kind: Kind
  /// For a person: what was wrong, the value, the bound.
  package let message: String
  /// Whether the disk has no space left, as the system said: trying again is of no use before it has.
  package let isOutOfSpace: Bool

  package init(_ kind: Kind, _ message: String, isOutOfSpace: Bool = false) {
    self.kind = kind
    self.message = message
    self.isOutOfSpace = isOutOfSpace
  }

  package var description: String { message }
}
