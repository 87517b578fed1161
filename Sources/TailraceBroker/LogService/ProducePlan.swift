internal import NIOCore
internal import TailraceStorage
internal import TailraceWire

/// What a Produce request comes to: the batches to append, and where each outcome goes in the response.
struct ProducePlan: Sendable {
  /// In the request's order for each partition.
  var parts: [AppendPart] = []
  /// One for each target, in order.
  var targets: [TargetPlan] = []
}

/// What becomes of one target. Numbers are places in `ProducePlan.parts`.
enum TargetPlan: Sendable {
  case failed(PartitionFailure)
  case batches([Result<Int, PartitionFailure>])
  case records([RecordPlan])
}

/// What becomes of one plain record.
struct RecordPlan: Sendable {
  /// Where it goes, also where it failed after that was known.
  var partition: UInt32
  /// The batch it is in, and its place there.
  var place: Result<Place, PartitionFailure>

  struct Place: Sendable {
    var part: Int
    var offsetDelta: UInt32
  }
}

extension ProducePlan {
  /// The response, once there is an outcome for each part.
  func response(_ outcomes: [AppendOutcome]) -> ProduceResponse {
    ProduceResponse(results: targets.map { $0.result(outcomes) })
  }
}

extension TargetPlan {
  fileprivate func result(_ outcomes: [AppendOutcome]) -> ProduceResult {
    switch self {
    case .failed(let failure): ProduceResult(error: failure.partitionError)
    case .batches(let places): ProduceResult(batches: places.map { batchResult($0.flatMap { outcomes.batch($0) }) })
    case .records(let plans): ProduceResult(records: plans.map { recordResult($0, outcomes) })
    }
  }

  private func batchResult(_ outcome: Result<StoredBatch, PartitionFailure>) -> BatchResult {
    switch outcome {
    case .success(let stored):
      BatchResult(
        baseOffset: stored.batch.baseOffset.rawValue, appendTimestampMs: stored.batch.appendTimestampMs,
        duplicate: stored.isDuplicate)
    case .failure(let failure): BatchResult(baseOffset: -1, error: failure.partitionError)
    }
  }

  private func recordResult(_ plan: RecordPlan, _ outcomes: [AppendOutcome]) -> RecordResult {
    let offset = plan.place.flatMap { place in
      outcomes.batch(place.part).map { $0.batch.baseOffset.rawValue + Int64(place.offsetDelta) }
    }
    switch offset {
    case .success(let offset): return RecordResult(partition: plan.partition, offset: offset)
    case .failure(let failure):
      return RecordResult(partition: plan.partition, offset: -1, error: failure.partitionError)
    }
  }
}

private struct StoredBatch {
  var batch: AppendedBatch
  var isDuplicate: Bool
}

extension [AppendOutcome] {
  fileprivate func batch(_ part: Int) -> Result<StoredBatch, PartitionFailure> {
    guard indices.contains(part) else {
      return .failure(PartitionFailure(.unknownOutcome, "the store gave no outcome"))
    }
    switch self[part] {
    case .appended(let batch): return .success(StoredBatch(batch: batch, isDuplicate: false))
    case .duplicate(let batch): return .success(StoredBatch(batch: batch, isDuplicate: true))
    case .refused(let error): return .failure(PartitionFailure(error))
    case .unknown(let error):
      return .failure(PartitionFailure(.unknownOutcome, "whether this was stored is not known: \(error.message)"))
    }
  }
}
