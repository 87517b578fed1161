package import NIOCore
package import TailraceWire

/// How far a partition was read.
package struct ReadPosition: Hashable, Sendable {
  /// The next offset to read.
  package var offset: Int64
  /// The partition's epoch in the last batch that was read.
  package var epoch: UInt32?

  package init(offset: Int64, epoch: UInt32?) {
    self.offset = offset
    self.epoch = epoch
  }
}

/// What a member has written to its output, and what of that it has committed. A commit never passes what was written.
package struct CommitLedger: Sendable {
  /// Offsets in one commit.
  package static let maxCommits = 1_000

  private struct Entry {
    let topicID: ByteBuffer
    var written: ReadPosition
    /// As the broker has it; nil: nothing.
    var committed: Int64?
  }

  private var entries: [TopicPartition: Entry] = [:]
  private var uncommitted: Set<TopicPartition> = []

  package init() {}

  /// Whether there is anything to commit.
  package var hasUncommitted: Bool { !uncommitted.isEmpty }

  package func isUncommitted(_ partition: TopicPartition) -> Bool { uncommitted.contains(partition) }

  /// A partition is read from `position` on. `isStored`: whether that is the group's offset. Where it is not, that place
  /// itself is to be committed, so that it is the group's from now on, whoever reads on; unless only what somebody asks
  /// for is committed.
  package mutating func begin(
    _ partition: TopicPartition, topicID: ByteBuffer, at position: ReadPosition, isStored: Bool,
    onlyWhenAsked: Bool = false
  ) {
    entries[partition] = Entry(
      topicID: topicID, written: position, committed: isStored ? position.offset : nil)
    if onlyWhenAsked { uncommitted.remove(partition) } else { note(partition) }
  }

  /// Everything before `position` is written. Of a partition that was not begun, nothing is noted.
  package mutating func wrote(_ partition: TopicPartition, _ position: ReadPosition) {
    entries[partition]?.written = position
    note(partition)
  }

  package mutating func forget(_ partition: TopicPartition) {
    entries[partition] = nil
    uncommitted.remove(partition)
  }

  /// What is to be committed, by topic and partition, at most `maxCommits`.
  package func commits() -> [OffsetCommit] {
    uncommitted.sorted().prefix(Self.maxCommits).compactMap { partition in
      entries[partition].map { entry in
        OffsetCommit(
          topic: partition.topic, topicID: entry.topicID, partition: partition.number,
          offset: entry.written.offset, lastEpoch: entry.written.epoch)
      }
    }
  }

  /// The broker has stored `commit`. More may have been written since.
  package mutating func committed(_ commit: OffsetCommit) {
    let partition = TopicPartition(topic: commit.topic, partition: commit.partition)
    guard entries[partition]?.topicID == commit.topicID else { return }
    entries[partition]?.committed = commit.offset
    note(partition)
  }

  private mutating func note(_ partition: TopicPartition) {
    guard let entry = entries[partition] else { return }
    if entry.written.offset == entry.committed {
      uncommitted.remove(partition)
    } else {
      uncommitted.insert(partition)
    }
  }
}
