import NIOCore
import TailraceStorage
import TailraceTestSupport
import TailraceWire

@testable import TailraceClient

/// A partition that answers as the broker does, over a connection that loses requests and answers, and now and then loses
/// the end of its log.
struct SimulatedPartition {
  struct InFlight {
    var serial: UInt64
    var batch: ValidatedBatch
    /// Whether it has reached the partition; then its outcome is known there.
    var outcome: BatchCompletion.Outcome?
  }

  private(set) var producers = ProducerState()
  private var log: [RecordBatchHeader] = []
  /// The base timestamps of batches that were stored and fell off the log again.
  private(set) var lost: Set<Int64> = []
  private var inFlight: [InFlight] = []
  private var generator: SeededGenerator

  init(_ generator: SeededGenerator) { self.generator = generator }

  /// The base timestamps of stored batches, by which they are known; in the log's order.
  var stored: [Int64] { log.map(\.baseTimestampMs) }

  mutating func receive(_ serial: UInt64, _ batch: ValidatedBatch) {
    inFlight.append(InFlight(serial: serial, batch: batch))
  }

  /// The next request reaches the partition: a connection's requests do so in order.
  mutating func append() {
    guard let index = inFlight.firstIndex(where: { $0.outcome == nil }) else { return }
    let batch = inFlight[index].batch
    if batch.header.baseTimestampMs % 17 == 0 {
      inFlight[index].outcome = refusal(.invalidRecord, "never stored")
    } else {
      inFlight[index].outcome = generator.below(20) == 0 ? refusal(.storageFull, "by chance") : store(batch)
    }
  }

  private func refusal(_ code: ErrorCode, _ why: String) -> BatchCompletion.Outcome {
    .failure(TailraceError(PartitionError(code: code, message: why)))
  }

  private mutating func store(_ batch: ValidatedBatch) -> BatchCompletion.Outcome {
    switch producers.check(batch.header) {
    case .refused(let error): return .failure(TailraceError(.init(error.errorCode), error.message))
    case .duplicate(let known, _): return .success(known.baseOffset.rawValue)
    case .next:
      var header = batch.header
      header.baseOffset = log.last?.nextOffset ?? .zero
      producers.note(header)
      log.append(header)
      return .success(header.baseOffset.rawValue)
    }
  }

  /// An answer of those that are there, in whatever order.
  mutating func answer() -> (serial: UInt64, outcome: BatchCompletion.Outcome)? {
    let answered = inFlight.indices.filter { inFlight[$0].outcome != nil }
    guard !answered.isEmpty else { return nil }
    let request = inFlight.remove(at: answered[generator.below(answered.count)])
    return request.outcome.map { (request.serial, $0) }
  }

  /// The connection is lost: some requests still arrive, in order, nobody is told.
  mutating func lose() -> [(serial: UInt64, outcome: BatchCompletion.Outcome)] {
    while inFlight.contains(where: { $0.outcome == nil }), generator.below(2) == 0 { append() }
    defer { inFlight = [] }
    return inFlight.map { ($0.serial, .failure(TailraceError(.unavailable, "lost"))) }
  }

  /// The log's end is lost, as after a power cut where it was not on disk.
  mutating func fallBack() {
    let count = min(log.count, generator.below(5))
    lost.formUnion(log.suffix(count).map(\.baseTimestampMs))
    log.removeLast(count)
    producers = ProducerState()
    for header in log { producers.note(header) }
  }

  /// The broker forgets its producers, as after a long time.
  mutating func forgetProducers() { producers = ProducerState() }
}

extension StorageError {
  fileprivate var errorCode: ErrorCode {
    switch kind {
    case .outOfOrderSequence: .outOfOrderSequence
    case .producerFenced: .producerFenced
    case .unknownProducer: .unknownProducer
    default: .storageFailed
    }
  }
}
