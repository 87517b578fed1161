internal import TailraceStorage
package import TailraceWire

extension LogHandlers {
  /// Looks up each offset on its own; a failure of one is no failure of the others.
  package func listOffsets(
    _ request: ListOffsetsRequest, _ call: CallContext
  ) async throws(RPCError) -> ListOffsetsResponse {
    guard (1...FetchPlan.maxTargets).contains(request.queries.count) else {
      throw RPCError(
        .invalidArgument, "queries: \(request.queries.count) given; 1 to \(FetchPlan.maxTargets) are allowed")
    }
    var response = ListOffsetsResponse()
    response.results.reserveCapacity(request.queries.count)
    for query in request.queries {
      guard !Task.isCancelled else { throw RPCError(.cancelled, "nobody waits for the offsets any more") }
      response.results.append(await result(of: query))
    }
    return response
  }

  private func result(of query: OffsetQuery) async -> OffsetResult {
    switch topics.resolve(query.topic, expectedID: query.topicID, partition: query.partition) {
    case .failure(let failure): return failed(failure)
    case .success(let partition):
      do throws(StorageError) {
        let bounds = try store.bounds(of: partition)
        switch query.position {
        case .earliest: return found(bounds.logStart, -1, bounds)
        case .latest: return found(bounds.highWatermark, -1, bounds)
        case .timestamp:
          let first = try await firstOffset(atOrAfter: query.timestampMs, in: partition)
          return found(first?.offset ?? bounds.highWatermark, first?.timestampMs ?? -1, bounds)
        default:
          return failed(
            PartitionFailure(
              .invalidRequest, "position: \(query.position.rawValue) is unknown; 1 to 3 are known"))
        }
      } catch { return failed(PartitionFailure(error)) }
    }
  }

  private func firstOffset(
    atOrAfter timestampMs: Int64, in partition: PartitionID
  ) async throws(StorageError) -> TimestampedOffset? {
    let result = await withCheckedContinuation { continuation in
      store.firstOffset(atOrAfter: timestampMs, in: partition) { continuation.resume(returning: $0) }
    }
    return try result.get()
  }

  private func found(_ offset: Offset, _ timestampMs: Int64, _ bounds: PartitionBounds) -> OffsetResult {
    OffsetResult(
      offset: offset.rawValue, timestampMs: timestampMs, partitionEpoch: bounds.partitionEpoch)
  }

  private func failed(_ failure: PartitionFailure) -> OffsetResult {
    OffsetResult(error: failure.partitionError, offset: -1, timestampMs: -1)
  }
}
