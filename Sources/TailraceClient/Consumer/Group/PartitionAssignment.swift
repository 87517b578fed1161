package import NIOCore
package import TailraceWire

/// Partitions of a group's member, with their topics' ids.
package struct PartitionAssignment: Hashable, Sendable {
  package private(set) var topicIDs: [TopicPartition: ByteBuffer] = [:]

  package init() {}

  /// What a broker's answer names; a partition that comes twice counts once.
  package init(_ topics: [TopicPartitions]) {
    for topic in topics {
      for partition in topic.partitions {
        topicIDs[TopicPartition(topic: topic.topic, partition: partition)] = topic.topicID
      }
    }
  }

  package var isEmpty: Bool { topicIDs.isEmpty }

  /// As the API has it: by topic, and by partition in each.
  package var message: [TopicPartitions] {
    var topics: [TopicPartitions] = []
    for (partition, topicID) in topicIDs.sorted(by: { $0.key < $1.key }) {
      if topics.last?.topic != partition.topic || topics.last?.topicID != topicID {
        topics.append(TopicPartitions(topic: partition.topic, topicID: topicID))
      }
      topics[topics.count - 1].partitions.append(partition.number)
    }
    return topics
  }

  /// What is here and not in `other`. A topic that was deleted and created again is another one.
  package func subtracting(_ other: PartitionAssignment) -> PartitionAssignment {
    var result = PartitionAssignment()
    result.topicIDs = topicIDs.filter { other.topicIDs[$0.key] != $0.value }
    return result
  }

  package mutating func insert(_ partition: TopicPartition, topicID: ByteBuffer) { topicIDs[partition] = topicID }

  package mutating func remove(_ partition: TopicPartition) { topicIDs[partition] = nil }

  package func contains(_ partition: TopicPartition, topicID: ByteBuffer) -> Bool { topicIDs[partition] == topicID }
}
