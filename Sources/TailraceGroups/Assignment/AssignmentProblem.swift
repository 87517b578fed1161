package import TailraceWire

/// Who wants to read what, and who shall read it so far: all that an assignor goes by.
package struct AssignmentProblem: Sendable {
  /// A topic that at least one member subscribes to.
  package struct Topic: Sendable, Hashable {
    package let id: TopicID
    package let name: String
    /// Partitions 0 up to this, exclusive.
    package let partitionCount: UInt32

    package init(id: TopicID, name: String, partitionCount: UInt32) {
      self.id = id
      self.name = name
      self.partitionCount = partitionCount
    }
  }

  /// A member and what it subscribes to.
  package struct Member: Sendable, Hashable {
    package let id: MemberID
    /// Places in `topics`, ascending, each at most once.
    package let topics: [Int]

    package init(id: MemberID, topics: [Int]) {
      self.id = id
      self.topics = topics
    }
  }

  /// By name, each once.
  package let topics: [Topic]
  /// Each once. Assignors go by their order.
  package let members: [Member]
  /// Who shall read a partition so far. May name partitions and members that are gone, or members that do not subscribe
  /// to the topic any more.
  package let current: [PartitionID: MemberID]

  package init(topics: [Topic], members: [Member], current: [PartitionID: MemberID]) {
    self.topics = topics
    self.members = members
    self.current = current
  }
}
