internal import TailraceWire

/// One consumer group: who is in it, who reads what, how far it has come. A pure state machine: events come in with the
/// time, what is to be answered and persisted comes out (`GroupOutcome`), and a replay of what was persisted gives the
/// same state. A plain value, guarded by whoever holds it.
///
/// **Time** is milliseconds since 1970-01-01T00:00Z. It should come from a clock that does not step (the wall clock's
/// time when the broker started, and the monotonic clock from there on): a step forward past a session time-out would
/// fence every member. A time before the last one counts as the last one.
///
/// **Calls** come as their messages, whose `group` is not looked at. Their bounds are checked here.
///
/// **After a restart:** `init`, `replay` for each record in the order of the log, `replayed`, and on from there.
///
/// **Ownership.** `target` says who shall own a partition: it is computed with each change of members, subscriptions or
/// partitions, in a large group for several changes together. `owners` says who does own it: it is given when its member
/// asks (or waits) for news and nobody owns it; it is free again when its owner, asked to let it go, no longer lists it,
/// or is out.
package struct Group: Sendable {
  package let id: GroupID
  let limits: GroupLimits

  var topics: TopicCatalog
  var epoch: UInt32 = 0
  var assignor = Assignor.sticky
  /// Since when there are no members; nil where there are, or where the group does not exist.
  var emptySinceMs: Int64?

  var members: [MemberID: Member] = [:]
  /// The members' ids, ascending.
  var order: [MemberID] = []
  var subscriptions = SubscriptionTable()
  /// Static members, by instance id.
  var instances: [String: MemberID] = [:]
  /// Members whose place another has taken, and who that is.
  var replacements: [MemberID: MemberID] = [:]

  var target: [PartitionID: MemberID] = [:]
  /// When `target` was computed last.
  var targetComputedMs = Int64.min
  /// When it is to be computed anew; nil: it is up to date. Not persisted: a replay computes it.
  var targetDueMs: Int64?
  var owners: [PartitionID: MemberID] = [:]

  var offsets: [PartitionID: CommittedOffsetRecord] = [:]
  var lastCommitMs = Int64.min

  var deadlines = DeadlineQueue()
  var clockMs = Int64.min
  var isDraining = false
  var changes = Changes()
  var replaying = ReplayedRecords()

  /// A group that nobody has joined or committed to: `exists` is false until somebody does. `topics`: all there are, as
  /// offsets of others are forgotten.
  package init(_ id: GroupID, topics: TopicCatalog, limits: GroupLimits = GroupLimits()) {
    self.id = id
    self.topics = topics
    self.limits = limits
  }

  /// Whether there is anything to keep. Where not, once an outcome is delivered, the value is to be thrown away.
  package var exists: Bool { emptySinceMs != nil || !members.isEmpty }

  /// The whole state as records: a replay of these gives the same. In no order.
  package var allRecords: [GroupLogRecord] {
    guard exists else { return [] }
    var records = [GroupLogRecord(.group(id), .group(groupRecord))]
    for member in members.values {
      records.append(GroupLogRecord(.assignment(id, member.id), .assignment(member.assignmentRecord)))
      if let record = memberRecord(of: member.id) {
        records.append(GroupLogRecord(.member(id, member.id), .member(record)))
      }
    }
    for (partition, record) in offsets {
      records.append(GroupLogRecord(.offset(id, partition), .offset(record)))
    }
    return records
  }
}
