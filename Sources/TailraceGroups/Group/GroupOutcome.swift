package import TailraceWire

/// What an event of a group leads to.
///
/// `records` are to be appended in this order. `reply` and `answers` may only be delivered once these records, and those
/// of all earlier outcomes of the group, are durable. They may be split over several appends: a replay of any first part
/// of them is safe. Where an append fails, the replies of this outcome and of all later ones are void, and so is the
/// `Group`: it is to be replayed from the log.
package struct GroupOutcome<Reply: Sendable>: Sendable {
  /// To whoever brought the event.
  package let reply: Result<Reply, GroupError>
  /// To be persisted; mostly none.
  package let records: [GroupLogRecord]
  /// To parked heartbeats, each at most once.
  package let answers: [ParkedAnswer]
  /// When `timePassed` is to be called next, at the latest: milliseconds, in the sense of `Group`. Replaces what earlier
  /// outcomes said. Nil: not before another event.
  package let nextDeadlineMs: Int64?
}

/// What becomes of a heartbeat.
package enum HeartbeatReply: Sendable, Hashable {
  case answered(HeartbeatResponse)
  /// It is kept, and answered later by its ticket: see `GroupOutcome.answers`.
  case parked
}

/// The answer to a parked heartbeat.
package struct ParkedAnswer: Sendable, Hashable {
  /// As given to `Group.heartbeat`.
  package let ticket: UInt64
  package let result: Result<HeartbeatResponse, GroupError>
}
