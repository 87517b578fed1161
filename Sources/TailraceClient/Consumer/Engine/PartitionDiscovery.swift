internal import NIOCore
internal import TailraceWire

/// Finds out which partitions there are, for a consumer that no group tells.
struct PartitionDiscovery: Sendable {
  let source: ConsumerMachine.Settings.Source
  let options: CallOptions

  /// All partitions of the topics, or those that are wanted. Fails where a topic or a partition is not there.
  func partitions(over connection: Connection) async throws(RPCError) -> PartitionAssignment {
    var found = PartitionAssignment()
    switch source {
    case .group: break
    case .topics(let topics):
      for topic in Set(topics) {
        let (topicID, count) = try await describe(topic, over: connection)
        for number in 0..<count { found.insert(TopicPartition(topic, number), topicID: topicID) }
      }
    case .partitions(let partitions):
      for (topic, wanted) in Dictionary(grouping: partitions, by: \.topic) {
        let (topicID, count) = try await describe(topic, over: connection)
        for partition in wanted {
          guard (0..<count).contains(partition.partition) else {
            throw RPCError(
              .notFound, "\(partition) does not exist: '\(topic)' has \(count) partitions, from 0 on",
              error: .unknownPartition)
          }
          found.insert(partition, topicID: topicID)
        }
      }
    }
    return found
  }

  private func describe(
    _ topic: String, over connection: Connection
  ) async throws(RPCError) -> (topicID: ByteBuffer, count: Int) {
    let description = try await AdminServiceClient(caller: connection).describeTopic(
      DescribeTopicRequest(name: topic), options: options)
    return (description.topic?.topicID ?? ByteBuffer(), description.partitions.count)
  }
}
