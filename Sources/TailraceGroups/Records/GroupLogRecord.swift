package import NIOCore
package import TailraceWire

/// A record of the groups' log.
package struct GroupLogRecord: Sendable, Hashable {
  package let key: GroupRecordKey
  /// Nil: a tombstone.
  package let value: GroupRecordValue?

  package init(_ key: GroupRecordKey, _ value: GroupRecordValue?) {
    self.key = key
    self.value = value
  }
}

/// What a record of the groups' log says.
package enum GroupRecordValue: Sendable, Hashable {
  case group(GroupRecord)
  case member(GroupMemberRecord)
  case assignment(GroupAssignmentRecord)
  case offset(CommittedOffsetRecord)

  /// As it is stored. An error counts as one of the append.
  package func encoded() throws(EncodeError) -> ByteBuffer {
    switch self {
    case .group(let record): try record.encoded()
    case .member(let record): try record.encoded()
    case .assignment(let record): try record.encoded()
    case .offset(let record): try record.encoded()
    }
  }
}
