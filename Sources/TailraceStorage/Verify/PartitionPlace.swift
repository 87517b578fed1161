package import TailraceWire

/// Where a partition is kept, and what is known of it from outside.
package struct PartitionPlace: Sendable, Hashable {
  /// "orders/0", or its directory where the topic's name is not known.
  package var name: String
  package var directory: String
  /// What the directories' names say; nil where they say nothing.
  package var id: PartitionID?
  /// The log's end as the last clean stop left it; nil where it was not closed cleanly.
  package var cleanEnd: Offset?
}

/// What a directory is, and the partitions below it.
package struct VerifyScope: Sendable {
  /// In the order of their topics' names and numbers.
  package var partitions: [PartitionPlace] = []
  /// What is wrong outside of the partitions.
  package var findings: [VerifyFinding] = []
  /// Topics that were looked at.
  package var topicCount = 0
  /// Whether a process has the data directory open.
  package var isInUse = false
}
