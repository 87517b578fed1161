import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// Batches with a producer id are stored once however often they are sent, in any `LogStore`.
@Suite struct ProducerConformanceTests {
  /// "appended 3", "duplicate 0", "refused outOfOrderSequence".
  private func text(_ outcome: AppendOutcome) -> String {
    switch outcome {
    case .appended(let batch): "appended \(batch.baseOffset)"
    case .duplicate(let batch): "duplicate \(batch.baseOffset)"
    case .refused(let error): "refused \(error.kind)"
    case .unknown(let error): "unknown \(error.kind)"
    }
  }

  private func append(
    _ count: Int = 1, producer: Int64 = 7, epoch: UInt32 = 0, sequence: UInt32, to partition: PartitionID = partitionA,
    in store: any LogStore, _ durability: AppendDurability = .durable
  ) async throws -> String {
    let values = (0..<count).map { "\(producer).\(epoch).\(sequence).\($0)" }
    let one = try batch(values, producer: producer, epoch: epoch, sequence: sequence)
    return text(await store.append([one], to: partition, durability)[0])
  }

  @Test(arguments: StoreKind.allCases) func `a repeat is answered with where the batch went`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    #expect(try await append(3, sequence: 0, in: store) == "appended 0")
    #expect(try await append(3, sequence: 0, in: store) == "duplicate 0")
    #expect(try await append(2, sequence: 3, in: store) == "appended 3")
    for durability in [AppendDurability.written, .durable] {
      #expect(try await append(3, sequence: 0, in: store, durability) == "duplicate 0")
      #expect(try await append(2, sequence: 3, in: store, durability) == "duplicate 3")
    }
    #expect(try await store.allRecords(maxBytes: 1 << 20).count == 5)
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `the last five batches are known, earlier ones are not`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    for sequence in UInt32(0)..<8 {
      #expect(try await append(sequence: sequence, in: store) == "appended \(sequence)")
    }
    for sequence in UInt32(0)..<3 {
      #expect(try await append(sequence: sequence, in: store) == "refused outOfOrderSequence")
    }
    for sequence in UInt32(3)..<8 {
      #expect(try await append(sequence: sequence, in: store) == "duplicate \(sequence)")
    }
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `a gap is refused, and what comes next still goes`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    #expect(try await append(sequence: 5, in: store) == "refused unknownProducer")
    #expect(try await append(2, sequence: 0, in: store) == "appended 0")
    #expect(try await append(sequence: 3, in: store) == "refused outOfOrderSequence")
    #expect(try await append(sequence: 1, in: store) == "refused outOfOrderSequence")
    #expect(try await append(sequence: 2, in: store) == "appended 2")
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `the batches of one call follow each other`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    let batches = try [UInt32(0), 1, 1, 3, 2, 0, 3].map { try batch(["\($0)"], producer: 7, sequence: $0) }
    let outcomes = await store.append(batches)
    #expect(
      outcomes.map(text) == [
        "appended 0", "appended 1", "duplicate 1", "refused outOfOrderSequence", "appended 2", "duplicate 0",
        "appended 3",
      ])
    #expect(try await store.allRecords(maxBytes: 1 << 20).map(\.value) == ["0", "1", "2", "3"])
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `producers and partitions count on their own`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    let other = PartitionID(topic: topicA, index: 1)
    try await store.create(config: kind.config)
    try await store.create(other, config: kind.config)
    #expect(try await append(producer: 1, sequence: 0, in: store) == "appended 0")
    #expect(try await append(producer: 2, sequence: 0, in: store) == "appended 1")
    try await store.append(["plain"])
    #expect(try await append(producer: 1, sequence: 1, in: store) == "appended 3")
    #expect(try await append(producer: 1, sequence: 2, to: other, in: store) == "refused unknownProducer")
    #expect(try await append(producer: 1, sequence: 0, to: other, in: store) == "appended 0")
    #expect(try await append(producer: 2, sequence: 0, in: store) == "duplicate 1")
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `an admitted epoch fences the older one everywhere`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    let other = PartitionID(topic: topicB, index: 0)
    try await store.create(config: kind.config)
    try await store.create(other, config: kind.config)
    #expect(try await append(sequence: 0, in: store) == "appended 0")
    #expect(try await append(epoch: 1, sequence: 0, in: store) == "refused unknownProducer")
    store.admit(producer: 7, epoch: 1, fence: .local)
    for partition in [partitionA, other] {
      for sequence in UInt32(0)...1 {
        #expect(try await append(sequence: sequence, to: partition, in: store) == "refused producerFenced")
      }
      #expect(try await append(epoch: 2, sequence: 0, to: partition, in: store) == "refused unknownProducer")
    }
    // Sequences begin again, also where the older epoch had got on.
    #expect(try await append(epoch: 1, sequence: 1, in: store) == "refused outOfOrderSequence")
    #expect(try await append(epoch: 1, sequence: 0, in: store) == "appended 1")
    #expect(try await append(epoch: 1, sequence: 0, in: store) == "duplicate 1")
    #expect(try await append(epoch: 1, sequence: 1, in: store) == "appended 2")
    #expect(try await append(epoch: 1, sequence: 0, to: other, in: store) == "appended 0")
    #expect(try await append(producer: 8, sequence: 0, in: store) == "appended 3")
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `a batch that is refused for another reason takes no sequence`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    var config = kind.config
    config.maxBatchBytes = 300
    try await store.create(config: config)
    #expect(try await append(40, sequence: 0, in: store) == "refused batchTooLarge")
    #expect(try await append(sequence: 0, in: store) == "appended 0")
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `deleted records' batches are still known`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    for sequence in UInt32(0)..<4 {
      #expect(try await append(sequence: sequence, in: store) == "appended \(sequence)")
    }
    _ = try await store.deleteRecords(before: nil, in: partitionA, fence: .local)
    #expect(try await append(sequence: 2, in: store) == "duplicate 2")
    #expect(try await append(sequence: 4, in: store) == "appended 4")
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `whatever is sent again, each record is stored once, in order`(
    _ kind: StoreKind
  ) async throws {
    var generator = SeededGenerator(for: "ProducerConformanceTests")
    let seed = generator.seed
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    var sent: [Int64: [ValidatedBatch]] = [:]
    for _ in 0..<300 {
      let producer = Int64.random(in: 1...3, using: &generator)
      let earlier = sent[producer, default: []]
      if let again = earlier.suffix(5).randomElement(using: &generator), Bool.random(using: &generator) {
        #expect(text(await store.append([again], .written)[0]).hasPrefix("duplicate"), "seed \(seed)")
        continue
      }
      let sequence = earlier.last.map { $0.header.baseSequence + $0.header.recordCount } ?? 0
      let count = UInt32.random(in: 1...4, using: &generator)
      let next = try batch(
        (sequence..<sequence + count).map { "\(producer):\($0)" }, producer: producer, sequence: sequence)
      #expect(text(await store.append([next], .written)[0]).hasPrefix("appended"), "seed \(seed)")
      sent[producer, default: []].append(next)
    }
    _ = await store.append([try batch(["end"])])
    let stored = try await store.allRecords(maxBytes: 1 << 20).map(\.value)
    for (producer, batches) in sent {
      let count = batches.reduce(0) { $0 + $1.header.recordCount }
      #expect(stored.filter { $0.hasPrefix("\(producer):") } == (0..<count).map { "\(producer):\($0)" }, "seed \(seed)")
    }
    withExtendedLifetime(directory) {}
  }
}
