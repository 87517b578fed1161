internal import TailraceWire

/// Records of a group, as they come from the log, until there are all: which of a member's two comes first is open.
struct ReplayedRecords: Sendable {
  var group: GroupRecord?
  var members: [MemberID: GroupMemberRecord] = [:]
  var assignments: [MemberID: GroupAssignmentRecord] = [:]
}
