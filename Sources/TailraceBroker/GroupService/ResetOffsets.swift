internal import NIOCore
internal import TailraceGroups
internal import TailraceStorage
internal import TailraceWire

extension GroupHandlers {
  /// Moves the offsets of a group without members, or shows where they would be moved. A partition that cannot be found is
  /// no failure of the others.
  func resetOffsets(
    _ request: ResetOffsetsRequest, _ call: CallContext
  ) async throws(RPCError) -> ResetOffsetsResponse {
    guard ResetTo.allKnown.contains(request.to), request.to != .unspecified else {
      throw RPCError(
        .invalidArgument, "to: \(request.to.rawValue) is unknown; 1 to \(ResetTo.allKnown.count - 1) are known")
    }
    let id = try group(request.group)
    let stored = try await coordinator.read(id) { group throws(GroupError) in
      try group.checkResettable()
      return try group.offsets(FetchOffsetsRequest(group: request.group, partitions: request.partitions)).offsets
    }
    var response = ResetOffsetsResponse()
    var moves: [(partition: PartitionID, offset: Int64)] = []
    for old in stored {
      var result = ResetOffsetsResult(topic: old.topic, partition: old.partition, oldOffset: old.offset)
      switch await newOffset(of: old, request) {
      case .failure(let failure): result.error = failure.partitionError
      case .success(let move):
        result.newOffset = move.offset
        moves.append(move)
      }
      response.results.append(result)
    }
    response.results.sort { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
    guard !request.dryRun, !moves.isEmpty else { return response }
    let now = coordinator.now
    try await coordinator.apply(to: id) { $0.reset(moves, now: now) }
    return response
  }

  private func newOffset(
    of old: CommittedOffset, _ request: ResetOffsetsRequest
  ) async -> Result<(partition: PartitionID, offset: Int64), PartitionFailure> {
    switch topics.resolve(old.topic, expectedID: old.topicID, partition: old.partition) {
    case .failure(let failure): return .failure(failure)
    case .success(let partition):
      do throws(PartitionFailure) {
        let wanted = try await wanted(partition, old.offset, request)
        let bounds = try bounds(of: partition)
        return .success((partition, min(max(wanted, bounds.logStart.rawValue), bounds.highWatermark.rawValue)))
      } catch { return .failure(error) }
    }
  }

  private func bounds(of partition: PartitionID) throws(PartitionFailure) -> PartitionBounds {
    do throws(StorageError) { return try store.bounds(of: partition) } catch { throw PartitionFailure(error) }
  }

  /// Not yet inside the log's bounds.
  private func wanted(
    _ partition: PartitionID, _ old: Int64, _ request: ResetOffsetsRequest
  ) async throws(PartitionFailure) -> Int64 {
    switch request.to {
    case .earliest: return 0
    case .latest: return .max
    case .offset: return request.value
    case .timestamp:
      let found = await withCheckedContinuation { continuation in
        store.firstOffset(atOrAfter: request.value, in: partition) { continuation.resume(returning: $0) }
      }
      switch found {
      case .success(let place): return place?.offset.rawValue ?? .max
      case .failure(let error): throw PartitionFailure(error)
      }
    default:
      guard old >= 0 else {
        throw PartitionFailure(.invalidRequest, "the group has no offset stored here that could be shifted")
      }
      let (sum, overflow) = old.addingReportingOverflow(request.value)
      return overflow ? (request.value > 0 ? .max : 0) : sum
    }
  }
}
