internal import TailraceWire

/// A member of a group. What is in the first part is persisted, the rest starts anew after a restart.
///
/// **Epochs.** A member is told of each step of its assignment that gives it something under an epoch of its own. So a
/// heartbeat with its current epoch proves that it knows what it was given, and what such a heartbeat no longer lists of
/// what is to go has been let go of; one with the epoch before, whose answer was lost or which is late, proves nothing.
///
/// Always: `lettingGo` is part of `owned`, and what is owned but not in `target` is in `lettingGo`.
struct Member: Sendable {
  let id: MemberID
  var instanceID: String?
  var clientID: String
  var peer: String
  /// Its key in the group's `SubscriptionTable`.
  var subscription: Int
  var sessionTimeoutMs: UInt32
  var rebalanceTimeoutMs: UInt32
  /// The group's epoch when it joined. Lower ones are of an earlier life of the same id.
  var joinedEpoch: UInt32
  /// Whose place it took, by its instance id.
  var replaced: MemberID?

  var epoch: UInt32
  /// The epoch before: that of a member whose last answer was lost.
  var previousEpoch: UInt32?
  /// What was given to it and is not let go of, with the epoch in which it got it.
  var owned: [PartitionID: UInt32] = [:]
  /// What of it is to go.
  var lettingGo: Set<PartitionID> = []
  var target: Set<PartitionID> = []

  // Not persisted.

  /// Whether there is something in the assignment, less than before, that no answer has told it yet.
  var isUntold = false
  var sessionDeadlineMs: Int64 = .max
  /// When it is fenced if it has not let go. Nil: nothing is to go, or it has not been told.
  var rebalanceDeadlineMs: Int64?
  var parked: ParkedHeartbeat?
  /// Its place in the group's `DeadlineQueue`. Nil: none.
  var scheduledMs: Int64?
  /// The assignment as it goes over the wire; nil where it has changed.
  var assignment: [TopicPartitions]?
  /// Whether its assignment is in the changes that are to be persisted.
  var isChanged = false

  /// At this time something is to be done about it.
  var nextDeadlineMs: Int64 {
    min(sessionDeadlineMs, min(rebalanceDeadlineMs ?? .max, parked?.deadlineMs ?? .max))
  }

  /// Whether it owns what it shall own, and nothing else.
  var isSettled: Bool { lettingGo.isEmpty && owned.count == target.count }

  /// Whether it waits for partitions, and nothing stands against giving them.
  var isWaiting: Bool { lettingGo.isEmpty && owned.count < target.count }
}

/// A heartbeat that is answered when there is news.
struct ParkedHeartbeat: Sendable {
  let ticket: UInt64
  let deadlineMs: Int64
}
