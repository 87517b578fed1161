import TailraceWire

/// Counts what became of the records that were sent, and keeps the first failure.
struct ProduceTally {
  let topic: String
  /// No result is to be expected of a request.
  let isUnacknowledged: Bool
  /// Records that the broker said are stored; with acks none, those that it took.
  private(set) var acknowledged = 0
  /// Records that the broker said are not stored.
  private(set) var refused = 0
  /// Records of which nobody knows whether they are stored.
  private(set) var unknown = 0
  /// Records that were read, but not sent.
  private(set) var unsent = 0
  /// What was no record.
  private(set) var skipped = 0
  private(set) var failure: CommandFailure?
  /// Batches that were refused for what is in one of their records; not counted yet.
  private(set) var refusals: [Refusal] = []
  var places: InputPlaces

  struct Refusal {
    let batch: PendingBatch
    let error: PartitionError
  }

  /// `unit`: what a record of the input is called in messages.
  init(topic: String, isUnacknowledged: Bool, unit: String = "line") {
    self.topic = topic
    places = InputPlaces(unit: unit)
    self.isUnacknowledged = isUnacknowledged
  }

  /// Takes the outcome of the request that `batches` were sent with, one target each.
  mutating func take(_ outcome: Result<ProduceResponse, RPCError>, for batches: [PendingBatch]) {
    switch outcome {
    case .failure(let error): takeFailure(error, for: batches)
    case .success(let response):
      guard !isUnacknowledged else {
        acknowledged += batches.reduce(0) { $0 + $1.recordCount }
        return
      }
      for (index, batch) in batches.enumerated() {
        take(index < response.results.count ? response.results[index] : nil, for: batch)
      }
    }
  }

  /// Counts records that were read, but not sent.
  mutating func leaveOut(_ records: Int) { unsent += records }

  /// Counts what was no record.
  mutating func skip() { skipped += 1 }

  /// The refusals since the last call. Whoever takes them has their records counted.
  mutating func takeRefusals() -> [Refusal] {
    defer { refusals = [] }
    return refusals
  }

  /// Counts a refused batch. Returns why, and where it was in the input.
  @discardableResult
  mutating func count(_ refusal: Refusal) -> CommandFailure {
    refused += refusal.batch.recordCount
    return failure(of: refusal.error, refusal.batch)
  }

  /// Counts records whose answer was not awaited.
  mutating func giveUp(on batches: [PendingBatch]) {
    unknown += batches.reduce(0) { $0 + $1.recordCount }
  }

  /// Keeps `failure`, if it is the first.
  mutating func fail(_ failure: CommandFailure) {
    if self.failure == nil { self.failure = failure }
  }

  /// "100 records were acknowledged, 20 refused, of 5 it is not known whether they are stored, 7 not sent".
  var summary: String {
    var parts = [
      "\(recordsText(acknowledged)) \(acknowledged == 1 ? "was" : "were") \(isUnacknowledged ? "sent" : "acknowledged")"
    ]
    if refused > 0 { parts.append("\(refused) refused") }
    if unknown > 0 { parts.append("of \(unknown) it is not known whether they are stored") }
    if unsent > 0 { parts.append("\(unsent) not sent") }
    if skipped > 0 { parts.append(skippedText) }
    return parts.joined(separator: ", ")
  }

  /// "1 line skipped".
  var skippedText: String { "\(skipped) \(places.unit)\(skipped == 1 ? "" : "s") skipped" }

  private mutating func take(_ result: ProduceResult?, for batch: PendingBatch) {
    guard let result, result.error != nil || result.batches.count == 1 else {
      unknown += batch.recordCount
      fail(CommandFailure(RPCError(.internalError, "the broker's answer says nothing of \(place(of: batch))")))
      return
    }
    guard let error = result.error ?? result.batches[0].error else {
      acknowledged += batch.recordCount
      return
    }
    guard !Self.isOfRecord(error.code) else {
      refusals.append(Refusal(batch: batch, error: error))
      return
    }
    if error.code == .unknownOutcome { unknown += batch.recordCount } else { refused += batch.recordCount }
    fail(failure(of: error, batch))
  }

  /// Whether it is one record that such an error of a batch is about: the others could be stored without it.
  private static func isOfRecord(_ code: ErrorCode) -> Bool {
    switch code {
    case .invalidRecord, .invalidTimestamp, .missingKey, .batchTooLarge: true
    default: false
    }
  }

  private mutating func takeFailure(_ error: RPCError, for batches: [PendingBatch]) {
    let count = batches.reduce(0) { $0 + $1.recordCount }
    switch error.code {
    case .invalidArgument, .notFound, .unimplemented, .resourceExhausted, .failedPrecondition: refused += count
    default: unknown += count
    }
    fail(CommandFailure(error, topic: topic))
  }

  private func failure(of error: PartitionError, _ batch: PendingBatch) -> CommandFailure {
    CommandFailure(error, topic: topic).with(prefix: "\(place(of: batch)): ")
  }

  private func place(of batch: PendingBatch) -> String {
    "\(places.words(batch.lines)) (partition \(batch.partition) of '\(topic)')"
  }
}

/// "1 record", "3 records".
func recordsText(_ count: Int) -> String { count == 1 ? "1 record" : "\(count) records" }
