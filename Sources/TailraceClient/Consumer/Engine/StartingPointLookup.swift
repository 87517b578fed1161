internal import NIOCore
internal import TailraceWire

/// Finds out where a consumer begins in partitions: at the group's offset, else at a position.
struct StartingPointLookup: Sendable {
  /// Partitions asked about at a time.
  private static let maxPartitions = 1_000

  /// Nil: nothing is stored.
  let group: String?
  /// Where no offset is stored.
  let start: StartPosition
  let options: CallOptions

  private typealias Place = (partition: TopicPartition, topicID: ByteBuffer)

  /// In no order; partitions that are not there any more are left out.
  func startingPoints(
    of partitions: PartitionAssignment, over connection: Connection
  ) async throws(RPCError) -> [StartingPoint] {
    var points: [StartingPoint] = []
    let all: [Place] = partitions.topicIDs.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    for first in stride(from: 0, to: all.count, by: Self.maxPartitions) {
      let page = Array(all[first...].prefix(Self.maxPartitions))
      let stored = try await stored(page, over: connection)
      let starts = try await starts(page.filter { stored[$0.partition] == nil }, over: connection)
      for (partition, topicID) in page {
        let start = starts[partition].map { ReadPosition(offset: $0, epoch: nil) }
        guard let position = stored[partition] ?? start else { continue }
        points.append(
          StartingPoint(
            partition: partition, topicID: topicID, position: position, isStored: stored[partition] != nil))
      }
    }
    return points
  }

  private func stored(
    _ places: [Place], over connection: Connection
  ) async throws(RPCError) -> [TopicPartition: ReadPosition] {
    guard let group else { return [:] }
    var page = PartitionAssignment()
    for (partition, topicID) in places { page.insert(partition, topicID: topicID) }
    let response = try await GroupServiceClient(caller: connection).fetchOffsets(
      FetchOffsetsRequest(group: group, partitions: page.message), options: options)
    var stored: [TopicPartition: ReadPosition] = [:]
    for offset in response.offsets where offset.offset >= 0 {
      stored[TopicPartition(topic: offset.topic, partition: offset.partition)] = ReadPosition(
        offset: offset.offset, epoch: offset.lastEpoch)
    }
    return stored
  }

  private func starts(_ places: [Place], over connection: Connection) async throws(RPCError) -> [TopicPartition: Int64]
  {
    if case .offset(let offset) = start {
      return Dictionary(places.map { ($0.partition, offset) }, uniquingKeysWith: { first, _ in first })
    }
    let queries = places.compactMap { start.query($0.partition, topicID: $0.topicID) }
    guard !queries.isEmpty else { return [:] }
    let response = try await LogServiceClient(caller: connection).listOffsets(
      ListOffsetsRequest(queries: queries), options: options)
    guard response.results.count == queries.count else {
      throw RPCError(.internalError, "the broker's answer does not tell of all partitions")
    }
    var starts: [TopicPartition: Int64] = [:]
    for (query, result) in zip(queries, response.results) {
      let partition = TopicPartition(topic: query.topic, partition: query.partition)
      switch result.error?.code {
      case nil: starts[partition] = max(0, result.offset)
      case .unknownTopic, .unknownTopicID, .unknownPartition: continue
      case .some(let code): throw RPCError(code, "\(partition): \(result.error?.message ?? "")")
      }
    }
    return starts
  }

  /// Where in a partition a place is.
  static func offset(
    _ query: OffsetQuery, over connection: Connection, _ options: CallOptions
  ) async throws(RPCError) -> Int64 {
    let response = try await LogServiceClient(caller: connection).listOffsets(
      ListOffsetsRequest(queries: [query]), options: options)
    guard let result = response.results.first else {
      throw RPCError(.internalError, "the broker's answer does not tell of the partition")
    }
    if let error = result.error { throw RPCError(error.code, error.message) }
    return max(0, result.offset)
  }
}

extension RPCError {
  /// The failure of a part as one of the whole: retriable where the part's is.
  fileprivate init(_ code: ErrorCode, _ message: String) {
    self.init(TailraceError.Code(code).isRetriable ? .aborted : .failedPrecondition, message, error: code)
  }
}
