package import TailraceWire

/// Why the coordinator refused a call, or could not read a record.
package struct GroupError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// The request makes no sense, or is out of bounds.
    case invalid
    /// No group of that id.
    case unknownGroup
    /// No such member: it never joined, left, or was timed out.
    case unknownMember
    /// The member's epoch is an old one, or another has taken its place.
    case fencedMember
    /// Only an empty group can be changed so.
    case groupNotEmpty
    /// A bound of the broker is reached.
    case limitReached
    /// The broker is stopping.
    case shuttingDown
    /// A record of the group's log is not what belongs to its key.
    case damagedRecord
  }

  package let kind: Kind
  /// For a person: what was wrong, the value, the bound.
  package let message: String

  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  package var description: String { message }

  /// The answer to a call for a group that is not there.
  package static func unknownGroup(_ id: GroupID) -> GroupError {
    GroupError(.unknownGroup, "there is no group '\(id)'")
  }
}

extension GroupError {
  /// The code for a part of a call.
  package var errorCode: ErrorCode {
    switch kind {
    case .invalid: .invalidRequest
    case .unknownGroup: .unknownGroup
    case .unknownMember: .unknownMember
    case .fencedMember: .fencedMember
    case .groupNotEmpty: .groupNotEmpty
    case .limitReached: .limitReached
    case .shuttingDown: .shuttingDown
    case .damagedRecord: .dataLoss
    }
  }

  /// The status for a whole call.
  package var statusCode: StatusCode {
    switch kind {
    case .invalid: .invalidArgument
    case .unknownGroup, .unknownMember: .notFound
    case .fencedMember, .groupNotEmpty: .failedPrecondition
    case .limitReached: .resourceExhausted
    case .shuttingDown: .unavailable
    case .damagedRecord: .dataLoss
    }
  }
}

extension RPCError {
  package init(_ error: GroupError) { self.init(error.statusCode, error.message, error: error.errorCode) }
}
