/// What one group may grow to, and how long things last. Bounds of single values that the schema states are not here.
package struct GroupLimits: Sendable, Hashable {
  /// Members of a group.
  package var maxMembers = 5_000
  /// Topics that a member names.
  package var maxTopicsPerMember = 1_000
  /// Topics named by different subscriptions of a group, together.
  package var maxNamedTopics = 100_000
  /// Members times the topics that each subscribes to: what sharing out partitions takes grows with these.
  package var maxSubscribedTopics = 2_000_000
  /// Different patterns in a group: each is matched with each topic.
  package var maxPatterns = 100
  /// Partitions in one commit, or in one request for offsets.
  package var maxPartitionsPerCall = 10_000
  /// Partitions for which a group stores an offset.
  package var maxOffsets = 100_000
  /// Offsets, and with them the group, go so long after it became empty and the last commit. Nil: never.
  package var offsetsRetentionMs: Int64? = 7 * 24 * 3_600_000
  /// How often members are told to send heartbeats, where their time-outs do not ask for more.
  package var heartbeatIntervalMs: UInt32 = 5_000

  /// In a group larger than `promptAssignmentSize` who shall own what is computed at most once per so many milliseconds,
  /// however many members come and go meanwhile.
  package var assignmentIntervalMs: Int64 = 100
  /// Members, partitions, and members times the topics that each subscribes to, together: a group up to this size
  /// computes who shall own what with each change, at once.
  package var promptAssignmentSize = 1_000

  package init() {}
}
