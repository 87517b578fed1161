import NIOCore
import TailraceClient
import TailraceWire

/// Finds out where a member begins in partitions that it was given: at the group's offset, else at a position.
struct StartingPointLookup: Sendable {
  /// Partitions asked about at a time.
  private static let maxPartitions = 1_000

  let group: String
  /// Where no offset is stored.
  let from: StartPosition
  /// Whether to look for the partitions' ends, too.
  let exitsAtEnd: Bool

  /// In no order; partitions that are not there any more are left out.
  func startingPoints(
    of partitions: PartitionAssignment, over connection: Connection
  ) async throws(RPCError) -> [StartingPoint] {
    let stored = try await offsets(of: partitions, over: connection)
    let all = partitions.topicIDs.sorted { $0.key < $1.key }
    let starts = try await found(from, all.filter { stored[$0.key] == nil }, over: connection)
    let ends = exitsAtEnd ? try await found(.end, all, over: connection) : nil
    return Self.join(partitions, stored: stored, starts: starts, ends: ends)
  }

  /// `ends` nil: read on without an end.
  static func join(
    _ partitions: PartitionAssignment, stored: [TopicPartition: ReadPosition], starts: [TopicPartition: Int64],
    ends: [TopicPartition: Int64]?
  ) -> [StartingPoint] {
    partitions.topicIDs.compactMap { partition, topicID in
      guard let start = stored[partition] ?? starts[partition].map({ ReadPosition(offset: $0, epoch: nil) }),
        ends == nil || ends?[partition] != nil
      else { return nil }
      return StartingPoint(
        cursor: PartitionCursor(
          partition, topicID: topicID, offset: start.offset, end: ends?[partition], lastEpoch: start.epoch),
        isStored: stored[partition] != nil)
    }
  }

  /// The group's offsets, where they are stored.
  private func offsets(
    of partitions: PartitionAssignment, over connection: Connection
  ) async throws(RPCError) -> [TopicPartition: ReadPosition] {
    var stored: [TopicPartition: ReadPosition] = [:]
    let all = partitions.topicIDs.sorted { $0.key < $1.key }
    for start in stride(from: 0, to: all.count, by: Self.maxPartitions) {
      var page = PartitionAssignment()
      for (partition, topicID) in all[start...].prefix(Self.maxPartitions) { page.insert(partition, topicID: topicID) }
      let response = try await GroupServiceClient(caller: connection).fetchOffsets(
        FetchOffsetsRequest(group: group, partitions: page.message), options: ClientOptions.callOptions)
      for offset in response.offsets where offset.offset >= 0 {
        stored[TopicPartition(topic: offset.topic, partition: offset.partition)] = ReadPosition(
          offset: offset.offset, epoch: offset.lastEpoch)
      }
    }
    return stored
  }

  private func found(
    _ position: StartPosition, _ partitions: [(key: TopicPartition, value: ByteBuffer)], over connection: Connection
  ) async throws(RPCError) -> [TopicPartition: Int64] {
    let queries = partitions.compactMap { partition, topicID in
      position.query(topic: partition.topic, topicID: topicID, partition: partition.number)
    }
    var offsets: [TopicPartition: Int64] = [:]
    for (query, result) in try await connection.lookUp(queries) {
      let partition = TopicPartition(topic: query.topic, partition: query.partition)
      guard let error = result.error else {
        offsets[partition] = result.offset
        continue
      }
      switch error.code {
      case .unknownTopic, .unknownTopicID, .unknownPartition: continue
      default:
        throw RPCError(
          ExitStatus.status(of: error.code), "\(partition.words): \(error.message)", error: error.code)
      }
    }
    return offsets
  }
}
