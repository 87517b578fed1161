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
    var errors = ErrorTexts()
    return ProduceResponse(results: targets.map { $0.result(outcomes, &errors) })
  }
}

extension TargetPlan {
  fileprivate func result(_ outcomes: [AppendOutcome], _ errors: inout ErrorTexts) -> ProduceResult {
    switch self {
    case .failed(let failure): ProduceResult(error: errors.error(failure))
    case .batches(let places):
      ProduceResult(batches: places.map { batchResult($0.flatMap { outcomes.batch($0) }, &errors) })
    case .records(let plans): ProduceResult(records: plans.map { recordResult($0, outcomes, &errors) })
    }
  }

  private func batchResult(
    _ outcome: Result<StoredBatch, PartitionFailure>, _ errors: inout ErrorTexts
  ) -> BatchResult {
    switch outcome {
    case .success(let stored):
      BatchResult(
        baseOffset: stored.batch.baseOffset.rawValue, appendTimestampMs: stored.batch.appendTimestampMs,
        duplicate: stored.isDuplicate)
    case .failure(let failure): BatchResult(baseOffset: -1, error: errors.error(failure))
    }
  }

  private func recordResult(
    _ plan: RecordPlan, _ outcomes: [AppendOutcome], _ errors: inout ErrorTexts
  ) -> RecordResult {
    let offset = plan.place.flatMap { place in
      outcomes.batch(place.part).map { $0.batch.baseOffset.rawValue + Int64(place.offsetDelta) }
    }
    switch offset {
    case .success(let offset): return RecordResult(partition: plan.partition, offset: offset)
    case .failure(let failure):
      return RecordResult(partition: plan.partition, offset: -1, error: errors.error(failure))
    }
  }
}

extension Response {
  /// The ProduceResponse of a request with one target and one batch.
  init(_ outcome: AppendOutcome) {
    switch outcome {
    case .appended(let batch): self = .short(.stored(batch, isDuplicate: false))
    case .duplicate(let batch): self = .short(.stored(batch, isDuplicate: true))
    default: self = Response(ProducePlan(targets: [.batches([.success(0)])]).response([outcome]))
    }
  }
}

extension ShortMessage {
  /// ProduceResponse { results: [ { batches: [ { base_offset, append_timestamp_ms, duplicate } ] } ] }; as protobuf has
  /// it, what is 0 or false is left out.
  fileprivate static func stored(_ batch: AppendedBatch, isDuplicate: Bool) -> ShortMessage {
    let offset = UInt64(bitPattern: batch.baseOffset.rawValue)
    let timestampMs = UInt64(bitPattern: batch.appendTimestampMs)
    let duplicate: UInt64 = isDuplicate ? 1 : 0
    let byteCount = byteCount(ofField: offset) + byteCount(ofField: timestampMs) + byteCount(ofField: duplicate)
    var response = ShortMessage()
    response.append(0x0A)
    response.append(UInt8(byteCount + 2))
    response.append(0x12)
    response.append(UInt8(byteCount))
    response.appendField(0x08, offset)
    response.appendField(0x10, timestampMs)
    response.appendField(0x18, duplicate)
    return response
  }
}

/// Errors on their way into one response. Where very many parts fail, the later ones come with their code only: a
/// response must fit a frame.
private struct ErrorTexts {
  private var bytesLeft = 4 << 20

  mutating func error(_ failure: PartitionFailure) -> PartitionError {
    let count = failure.message.utf8.count
    guard count <= bytesLeft else { return PartitionError(code: failure.code) }
    bytesLeft -= count
    return failure.partitionError
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
