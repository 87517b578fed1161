import NIOCore
import TailraceClient
import TailraceWire

/// Finds out where to begin and to end.
struct OffsetLookup {
  /// Partitions asked about at a time.
  private static let maxQueries = 1_000

  let topic: String
  let caller: Connection

  /// A session for one partition, or for all.
  func session(partition: UInt32?, from: StartPosition, exitAtEnd: Bool) async throws -> ConsumeSession {
    let description = try await AdminServiceClient(caller: caller).describeTopic(
      DescribeTopicRequest(name: topic), options: ClientOptions.callOptions)
    let topicID = description.topic?.topicID ?? ByteBuffer()
    let ends = description.partitions.filter { partition == nil || $0.partition == partition }
    if let partition, ends.isEmpty {
      throw CommandFailure(
        PartitionError(
          code: .unknownPartition,
          message: "partition \(partition) does not exist: '\(topic)' has"
            + " \(partitionsText(UInt32(clamping: description.partitions.count))), from 0 on"))
    }
    if case .offset(let offset) = from { try check(offset, in: ends) }
    let starts = try await offsets(of: ends.map(\.partition), topicID, from)
    return ConsumeSession(
      topic: topic, topicID: topicID,
      cursors: zip(ends, starts).map { end, start in
        PartitionCursor(
          partition: end.partition, offset: start, end: exitAtEnd ? Swift.max(start, end.highWatermark) : nil)
      })
  }

  private func check(_ offset: Int64, in partitions: [PartitionDescription]) throws(CommandFailure) {
    for partition in partitions where offset < partition.logStartOffset || offset > partition.highWatermark {
      throw .offsetOutOfRange(
        offset, partition.logStartOffset, partition.highWatermark, partition: partition.partition, topic: topic)
    }
  }

  private func offsets(
    of partitions: [UInt32], _ topicID: ByteBuffer, _ position: StartPosition
  ) async throws -> [Int64] {
    if case .offset(let offset) = position { return partitions.map { _ in offset } }
    var offsets: [Int64] = []
    while offsets.count < partitions.count {
      let queries = partitions[offsets.count...].prefix(Self.maxQueries).compactMap {
        position.query(topic: topic, topicID: topicID, partition: $0)
      }
      let response = try await LogServiceClient(caller: caller).listOffsets(
        ListOffsetsRequest(queries: queries), options: ClientOptions.callOptions)
      guard response.results.count == queries.count, !queries.isEmpty else {
        throw RPCError(.internalError, "the broker's answer does not tell of all partitions")
      }
      for (query, result) in zip(queries, response.results) {
        if let error = result.error {
          throw CommandFailure(error, topic: topic).with(prefix: "partition \(query.partition) of '\(topic)': ")
        }
        offsets.append(result.offset)
      }
    }
    return offsets
  }
}
