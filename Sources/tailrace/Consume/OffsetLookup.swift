import NIOCore
import TailraceClient
import TailraceWire

/// Finds out where to begin and to end.
struct OffsetLookup {
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
      cursors: zip(ends, starts).map { end, start in
        PartitionCursor(
          TopicPartition(topic: topic, partition: end.partition), topicID: topicID, offset: start,
          end: exitAtEnd ? Swift.max(start, end.highWatermark) : nil)
      })
  }

  private func check(_ offset: Int64, in partitions: [PartitionDescription]) throws(CommandFailure) {
    for partition in partitions where offset < partition.logStartOffset || offset > partition.highWatermark {
      throw .offsetOutOfRange(
        offset, partition.logStartOffset, partition.highWatermark,
        partition: TopicPartition(topic: topic, partition: partition.partition))
    }
  }

  private func offsets(
    of partitions: [UInt32], _ topicID: ByteBuffer, _ position: StartPosition
  ) async throws -> [Int64] {
    if case .offset(let offset) = position { return partitions.map { _ in offset } }
    let queries = partitions.compactMap { position.query(topic: topic, topicID: topicID, partition: $0) }
    return try await caller.lookUp(queries).map { query, result in
      if let error = result.error {
        throw CommandFailure(error, topic: topic).with(
          prefix: "\(TopicPartition(topic: topic, partition: query.partition).words): ")
      }
      return result.offset
    }
  }
}

extension Connection {
  /// Partitions asked about at a time.
  private static let maxQueries = 1_000

  /// Looks offsets up, with as many calls as that takes. One result for each query, in order.
  func lookUp(_ queries: [OffsetQuery]) async throws(RPCError) -> [(OffsetQuery, OffsetResult)] {
    var results: [(OffsetQuery, OffsetResult)] = []
    while results.count < queries.count {
      let page = Array(queries[results.count...].prefix(Self.maxQueries))
      let response = try await LogServiceClient(caller: self).listOffsets(
        ListOffsetsRequest(queries: page), options: ClientOptions.callOptions)
      guard response.results.count == page.count else {
        throw RPCError(.internalError, "the broker's answer does not tell of all partitions")
      }
      results += zip(page, response.results)
    }
    return results
  }
}
