import NIOCore
import TailraceClient
import TailraceWire

/// Finds out where to begin and to end in topics' partitions.
struct OffsetLookup {
  let caller: Connection
  let from: RangeStart
  /// Nothing from there on; nil: no end.
  let to: StartPosition?
  /// Nothing behind what is the end now.
  let exitsAtEnd: Bool
  /// Nil: all.
  let partitions: [UInt32]?

  /// Where each partition of a topic is read.
  func cursors(of topic: String) async throws -> [PartitionCursor] {
    let description = try await describe(topic)
    let topicID = description.topic?.topicID ?? ByteBuffer()
    let found = try chosen(of: description, topic)
    let starts = try await starts(of: found, topic, topicID)
    let ends = try await ends(of: found, topic, topicID)
    return found.indices.map { index in
      // What is asked for and not there yet is waited for, but for what is to end now.
      let end = exitsAtEnd ? Swift.min(found[index].highWatermark, ends?[index] ?? .max) : ends?[index]
      return PartitionCursor(
        TopicPartition(topic: topic, partition: found[index].partition), topicID: topicID, offset: starts[index],
        end: end.map { Swift.max(starts[index], $0) })
    }
  }

  private func describe(_ topic: String) async throws -> DescribeTopicResponse {
    do throws(RPCError) {
      return try await AdminServiceClient(caller: caller).describeTopic(
        DescribeTopicRequest(name: topic), options: ClientOptions.callOptions)
    } catch {
      throw CommandFailure(error, topic: topic)
    }
  }

  private func chosen(
    of description: DescribeTopicResponse, _ topic: String
  ) throws(CommandFailure) -> [PartitionDescription] {
    guard let partitions else { return description.partitions }
    let known = Dictionary(description.partitions.map { ($0.partition, $0) }) { first, _ in first }
    var chosen: [PartitionDescription] = []
    for partition in partitions {
      guard let found = known[partition] else {
        throw CommandFailure(
          PartitionError(
            code: .unknownPartition,
            message: "partition \(partition) does not exist: '\(topic)' has"
              + " \(partitionsText(UInt32(clamping: description.partitions.count))), from 0 on"))
      }
      chosen.append(found)
    }
    return chosen
  }

  private func starts(
    of partitions: [PartitionDescription], _ topic: String, _ topicID: ByteBuffer
  ) async throws -> [Int64] {
    switch from {
    case .last(let count): return partitions.map { Swift.max($0.logStartOffset, $0.highWatermark - count) }
    case .position(.offset(let offset)):
      for partition in partitions where offset < partition.logStartOffset || offset > partition.highWatermark {
        throw CommandFailure.offsetOutOfRange(
          offset, partition.logStartOffset, partition.highWatermark,
          partition: TopicPartition(topic: topic, partition: partition.partition))
      }
      return partitions.map { _ in offset }
    case .position(let position): return try await offsets(of: partitions, topic, topicID, position)
    }
  }

  private func ends(
    of partitions: [PartitionDescription], _ topic: String, _ topicID: ByteBuffer
  ) async throws -> [Int64]? {
    switch to {
    case nil: nil
    case .offset(let offset): partitions.map { _ in offset }
    case .end: partitions.map(\.highWatermark)
    case let position?: try await offsets(of: partitions, topic, topicID, position)
    }
  }

  private func offsets(
    of partitions: [PartitionDescription], _ topic: String, _ topicID: ByteBuffer, _ position: StartPosition
  ) async throws -> [Int64] {
    let queries = partitions.compactMap {
      position.query(topic: topic, topicID: topicID, partition: $0.partition)
    }
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
