import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire

/// A producer on a partition.
struct ProducerKey: Hashable {
  var partition: PartitionID
  var producer: Int64
}

/// What a producer has sent to a partition and knows was stored.
struct SentBatches {
  var epoch: UInt32 = 0
  var nextSequence: UInt32 = 0
  /// The last few.
  var batches: [ValidatedBatch] = []

  mutating func note(_ batch: ValidatedBatch) {
    epoch = batch.header.producerEpoch
    nextSequence = batch.header.baseSequence + batch.header.recordCount
    batches = batches.suffix(6) + [batch]
  }
}

extension RandomRun {
  func randomProducer() -> Int64 { 1 + Int64(generator.below(4)) }

  /// Requests of parts for any partitions, all in one call.
  func append() async throws {
    clock.advance(byMs: Int64(generator.below(50)))
    var pending = producers
    let requests = try (0...generator.below(4)).map { _ in try randomParts(&pending) }
    let isDurable = requests.map { _ in generator.below(2) == 0 }
    note("\(requests.map { $0.map { "\($0.partition.index): \($0.batch.header.recordCount)" } })")
    let found = await outcomes(of: requests, isDurable, in: local.store)
    let expected = await outcomes(of: requests, isDurable, in: model)
    for (index, part) in requests.joined().enumerated() {
      let (found, expected) = (found[index], expected[index])
      try require(
        text(found) == text(expected),
        "batch \(index) for \(part.partition), \(part.batch.header): \(found), not \(expected)")
      guard case .appended = expected else { continue }
      let key = ProducerKey(partition: part.partition, producer: part.batch.header.producerID)
      producers[key, default: SentBatches()].note(part.batch)
    }
  }

  private func outcomes(
    of requests: [[AppendPart]], _ isDurable: [Bool], in store: some LogStore
  ) async -> [AppendOutcome] {
    await withCheckedContinuation { continuation in
      let noted = Arrived(requests.count)
      store.append(
        requests.enumerated().flatMap { index, parts in
          AppendRequest.together(parts, durability: isDurable[index] ? .durable : .written) { outcomes in
            if let all = noted.add(outcomes, at: index) { continuation.resume(returning: all) }
          }
        }, fence: .local)
    }
  }

  private func text(_ outcome: AppendOutcome) -> String {
    switch outcome {
    case .appended(let batch): "appended \(batch.baseOffset) at \(batch.appendTimestampMs)"
    case .duplicate(let batch): "duplicate \(batch.baseOffset) at \(batch.appendTimestampMs)"
    case .refused(let error): "refused \(error.kind)"
    case .unknown(let error): "unknown \(error.kind)"
    }
  }

  // MARK: - Drawing

  private func randomParts(_ pending: inout [ProducerKey: SentBatches]) throws -> [AppendPart] {
    let partition = randomPartition()
    return try (0...generator.below(4)).map { _ in
      let target = generator.below(4) == 0 ? randomPartition() : partition
      return AppendPart(partition: target, batch: try randomBatch(for: target, &pending))
    }
  }

  private func randomBatch(
    for partition: PartitionID, _ pending: inout [ProducerKey: SentBatches]
  ) throws -> ValidatedBatch {
    guard generator.below(2) == 0 else { return try records(for: partition) }
    let key = ProducerKey(partition: partition, producer: randomProducer())
    var sent = pending[key] ?? SentBatches()
    let epoch = admitted[key.producer, default: 0]
    let next = sent.epoch == epoch ? sent.nextSequence : 0
    let stranger = 1_000 + Int64(generator.below(1_000))
    switch generator.below(20) {
    case 0..<4:
      if let again = sent.batches.randomElement(using: &generator) { return again }
    case 4: return try records(for: partition, key.producer, epoch, next + 1 + UInt32(generator.below(5)))
    case 5: return try records(for: partition, key.producer, epoch, next / 2)
    case 6 where epoch > 0: return try records(for: partition, key.producer, epoch - 1, sent.nextSequence)
    case 7: return try records(for: partition, key.producer, epoch + 1, 0)
    case 8: return try records(for: partition, stranger, 0, UInt32(generator.below(3)))
    default: break
    }
    let batch = try records(for: partition, key.producer, epoch, next)
    sent.note(batch)
    pending[key] = sent
    return batch
  }

  /// A few records. Nearly all have keys where the topic asks for them.
  private func records(
    for partition: PartitionID, _ producer: Int64 = 0, _ epoch: UInt32 = 0, _ sequence: UInt32 = 0
  ) throws -> ValidatedBatch {
    let hasKeys = generator.below(config(of: partition).requiresKeys ? 20 : 3) > 0
    let nowMs = clock.nowMs()
    var builder = RecordSetBuilder(baseTimestampMs: nowMs - Int64(generator.below(1_000)))
    let size = generator.below(8) == 0 ? generator.below(1_500) : generator.below(60)
    for _ in 0...generator.below(generator.below(10) == 0 ? 30 : 4) {
      let key = hasKeys ? "key \(generator.below(generator.below(4) == 0 ? 200 : 12))" : nil
      let filler = String(repeating: ["a", "b", "c"][generator.below(3)], count: size)
      let value = generator.below(8) == 0 ? nil : "\(generator.below(1_000_000)) \(filler)"
      builder.append(
        key: key.map { ByteBuffer(string: $0) }, value: value.map { ByteBuffer(string: $0) },
        timestampMs: nowMs - Int64(generator.below(10_000)))
    }
    return try builder.build(compression: Compression.allCases[generator.below(4)])
      .sent(by: producer, epoch: epoch, sequence: sequence)
  }
}

/// Collects the outcomes of several requests.
private final class Arrived: Sendable {
  private let outcomes: Mutex<[[AppendOutcome]?]>

  init(_ count: Int) { outcomes = Mutex(Array(repeating: nil, count: count)) }

  /// All of them, in order, where these are the last that were missing.
  func add(_ some: [AppendOutcome], at index: Int) -> [AppendOutcome]? {
    outcomes.withLock { outcomes in
      outcomes[index] = some
      let all = outcomes.compactMap { $0 }
      return all.count == outcomes.count ? Array(all.joined()) : nil
    }
  }
}
