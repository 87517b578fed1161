internal import Synchronization
package import TailraceWire

/// A topic as the handlers see it. A new object stands for each new state but for the round-robin's place.
package final class Topic: Sendable {
  package let name: TopicName
  package let id: TopicID
  package let partitionCount: UInt32
  package let config: TopicConfig
  /// Milliseconds since 1970.
  package let createdAtMs: Int64
  /// What answers to fetches of a partition begin with.
  let fetchedFields: [UInt8]
  private let nextPartition = Atomic<UInt32>(0)

  package init(name: TopicName, id: TopicID, partitionCount: UInt32, config: TopicConfig, createdAtMs: Int64) {
    self.name = name
    self.id = id
    self.partitionCount = partitionCount
    self.config = config
    self.createdAtMs = createdAtMs
    fetchedFields = Topic.fetchedFields(name: name, id: id)
  }

  /// The partition for a record without a key: one after the other.
  package func takeRoundRobinPartition() -> UInt32 {
    nextPartition.wrappingAdd(1, ordering: .relaxed).oldValue % partitionCount
  }

  package func partition(_ index: UInt32) -> PartitionID { PartitionID(topic: id, index: index) }

  package var partitions: [PartitionID] { (0..<partitionCount).map(partition) }

  package var summary: TopicSummary {
    TopicSummary(
      name: name.text, topicID: id.bytes, partitionCount: partitionCount, internal: name.isInternal)
  }

  package var record: TopicRecord {
    TopicRecord(
      name: name.text, topicID: id.bytes, partitionCount: partitionCount, config: config.entries,
      createdAtMs: createdAtMs)
  }

  /// The same topic with more partitions.
  package func grown(to partitionCount: UInt32) -> Topic {
    Topic(name: name, id: id, partitionCount: partitionCount, config: config, createdAtMs: createdAtMs)
  }

  /// The same topic with another configuration.
  package func configured(_ config: TopicConfig) -> Topic {
    Topic(name: name, id: id, partitionCount: partitionCount, config: config, createdAtMs: createdAtMs)
  }
}
