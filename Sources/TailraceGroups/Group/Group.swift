package import NIOCore
package import TailraceWire

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
/// After a restart: `init`, `replay` for each record in the order of the log, `replayed`, and on from there.
package struct Group: Sendable {
  package let id: GroupID

  /// A group that nobody has joined or committed to: `exists` is false until somebody does. `topics`: all there are, as
  /// offsets of others are forgotten.
  package init(_ id: GroupID, topics: TopicCatalog, limits: GroupLimits = GroupLimits()) {
    self.id = id
  }

  /// Whether there is anything to keep. Where not, after an outcome was delivered, the value is to be thrown away.
  package var exists: Bool { false }

  // MARK: - Calls

  /// A member joins, joins again, changes its subscription, or comes back with its instance id.
  ///
  /// `drawnID`: a fresh id, for a request without one. `peer`: its address, for people. The request's pattern is known to
  /// be a regular expression that can be matched.
  package mutating func join(
    _ request: JoinGroupRequest, drawnID: MemberID, peer: String, now: Int64
  ) -> GroupOutcome<JoinGroupResponse> { stub() }

  /// A member is alive, says what it reads, and learns what it shall read. Where there is no news, and the request may
  /// wait, the reply is `.parked`, and the answer comes later under `ticket`: unique among the group's, drawn by the
  /// caller.
  package mutating func heartbeat(
    _ request: HeartbeatRequest, ticket: UInt64, now: Int64
  ) -> GroupOutcome<HeartbeatReply> { stub() }

  /// Nobody waits for a parked heartbeat any more. No news if it was answered already.
  package mutating func abandon(ticket: UInt64, of memberID: String) {}

  /// A member leaves. A static one that does not give its instance id keeps its place until its session time-out.
  package mutating func leave(_ request: LeaveGroupRequest, now: Int64) -> GroupOutcome<LeaveGroupResponse> { stub() }

  /// Stores offsets: each is accepted or refused by itself.
  package mutating func commit(_ request: CommitOffsetRequest, now: Int64) -> GroupOutcome<CommitOffsetResponse> {
    stub()
  }

  /// The stored offsets. As any reply, to be delivered once all earlier records are durable.
  package func offsets(_ request: FetchOffsetsRequest) throws(GroupError) -> FetchOffsetsResponse {
    FetchOffsetsResponse()
  }

  /// Everything but high watermarks and lags, which are 0 and -1. As any reply, to be delivered once all earlier records
  /// are durable.
  package var description: DescribeGroupResponse { DescribeGroupResponse() }

  /// In short.
  package var summary: GroupSummary { GroupSummary() }

  /// Forgets an empty group and its offsets. Afterwards `exists` is false.
  package mutating func delete(now: Int64) -> GroupOutcome<DeleteGroupResponse> { stub() }

  /// Throws where offsets may not be reset: while the group has members.
  package func checkResettable() throws(GroupError) {}

  /// Stores these offsets in place of what is there, if the group is empty.
  package mutating func reset(_ offsets: [(partition: PartitionID, offset: Int64)], now: Int64) -> GroupOutcome<Void> {
    stub()
  }

  // MARK: - Other events

  /// Topics came, grew or went. To be called before such a change is answered to whoever made it.
  package mutating func topicsChanged(_ topics: TopicCatalog, now: Int64) -> GroupOutcome<Void> { stub() }

  /// To be called at `nextDeadlineMs`: members and heartbeats time out, offsets expire.
  package mutating func timePassed(now: Int64) -> GroupOutcome<Void> { stub() }

  /// The broker stops: parked heartbeats are answered (SHUTTING_DOWN), and none is parked from here on.
  package mutating func drain() -> GroupOutcome<Void> { stub() }

  // MARK: - Replay

  /// Takes in a record of this group. The latest value of each key is enough, in any order of keys.
  package mutating func replay(_ key: GroupRecordKey, _ value: ByteBuffer?) throws(GroupError) {}

  /// Ends the replay: mends what a torn end of the log left, and what changed in `topics` meanwhile; all members' time-outs
  /// start anew.
  package mutating func replayed(now: Int64) -> GroupOutcome<Void> { stub() }

  /// The whole state as records: a replay of these gives the same. In no order.
  package var allRecords: [GroupLogRecord] { [] }

  private func stub<Reply>() -> GroupOutcome<Reply> {
    GroupOutcome(reply: .failure(.unknownGroup(id)), records: [], answers: [], nextDeadlineMs: nil)
  }
}
