internal import TailraceStorage
package import TailraceWire

extension LogHandlers {
  /// Moves the start of each log up; a failure of one is no failure of the others.
  package func deleteRecords(
    _ request: DeleteRecordsRequest, _ call: CallContext
  ) async throws(RPCError) -> DeleteRecordsResponse {
    guard (1...FetchPlan.maxTargets).contains(request.targets.count) else {
      throw RPCError(
        .invalidArgument, "targets: \(request.targets.count) given; 1 to \(FetchPlan.maxTargets) are allowed")
    }
    var response = DeleteRecordsResponse()
    response.results.reserveCapacity(request.targets.count)
    for target in request.targets {
      guard !Task.isCancelled else { throw RPCError(.cancelled, "nobody waits for the records to be deleted any more") }
      response.results.append(await result(of: target))
    }
    return response
  }

  private func result(of target: DeleteRecordsTarget) async -> DeleteRecordsResult {
    switch topics.resolve(target.topic, expectedID: target.topicID, partition: target.partition) {
    case .failure(let failure): return failed(failure, in: nil)
    case .success(let partition):
      guard target.beforeOffset >= -1 else {
        let failure = PartitionFailure(
          .invalidRequest,
          "before_offset is \(target.beforeOffset); it is an offset, from 0 on, or -1 for the high watermark")
        return failed(failure, in: partition)
      }
      let offset = target.beforeOffset == -1 ? nil : Offset(target.beforeOffset)
      do throws(StorageError) {
        let start = try await store.deleteRecords(before: offset, in: partition, fence: .local)
        return DeleteRecordsResult(logStartOffset: start.rawValue)
      } catch { return failed(PartitionFailure(error), in: partition) }
    }
  }

  /// With the log's start where there is a log, else -1.
  private func failed(_ failure: PartitionFailure, in partition: PartitionID?) -> DeleteRecordsResult {
    let bounds = partition.flatMap { try? store.bounds(of: $0) }
    return DeleteRecordsResult(error: failure.partitionError, logStartOffset: bounds?.logStart.rawValue ?? -1)
  }
}
