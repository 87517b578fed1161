import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// Random operations on the local store, compared with the model after each.
@Suite struct RandomOperationsTests {
  private let partitions = [
    partitionA, PartitionID(topic: topicA, index: 1), PartitionID(topic: topicB, index: 0),
  ]

  @Test func `the local store does what the model does, through stops and kills`() async throws {
    var generator = SeededGenerator(for: "RandomOperationsTests")
    let seed = generator.seed
    var local = try LocalFixture()
    let model = InMemoryLogStore(clock: local.clock)
    let config = LogConfig(segmentBytes: Int.random(in: 200...20_000, using: &generator))
    try await create(in: local.store, config)
    try await create(in: model, config)
    for step in 0..<300 {
      let context = "seed \(seed), step \(step)"
      switch Int.random(in: 0..<20, using: &generator) {
      case 0:
        local = try local.afterKill()
        try await create(in: local.store, config)
      case 1:
        try await local.store.close()
        local = try local.afterKill()
        try await create(in: local.store, config)
      case 2..<12:
        try await append(to: local.store, model, &generator, context)
      default:
        try await compare(local.store, model, &generator, context)
      }
    }
    for partition in partitions {
      let expected = try await model.allRecords(of: partition, maxBytes: 5_000)
      #expect(try await local.store.allRecords(of: partition, maxBytes: 5_000) == expected, "seed \(seed)")
    }
  }

  private func create(in store: some LogStore, _ config: LogConfig) async throws {
    for partition in partitions { try await store.create(partition, config: config) }
  }

  private func append(
    to local: LocalLogStore, _ model: InMemoryLogStore, _ generator: inout SeededGenerator, _ context: String
  ) async throws {
    let partition = partitions[Int.random(in: 0..<3, using: &generator)]
    var batches: [ValidatedBatch] = []
    for _ in 0..<Int.random(in: 1...6, using: &generator) {
      let size = Int.random(in: 0...1_500, using: &generator)
      let letter = ["a", "b", "c"][Int.random(in: 0..<3, using: &generator)]
      let count = Int.random(in: 1...5, using: &generator)
      let values = (0..<count).map { "\($0)" + String(repeating: letter, count: size) }
      let compression = Compression.allCases[Int.random(in: 0..<4, using: &generator)]
      let time = Int64.random(in: 0...100_000, using: &generator)
      batches.append(try batch(values, timestampMs: time, compression: compression))
    }
    let durability: AppendDurability = Bool.random(using: &generator) ? .durable : .written
    let found = bases(await local.append(batches, to: partition, durability))
    #expect(found == bases(await model.append(batches, to: partition)), "\(context)")
    await expectSoon { (try? local.bounds(of: partition).highWatermark) == (try? model.bounds(of: partition).logEnd) }
  }

  private func bases(_ outcomes: [AppendOutcome]) -> [Int64] {
    outcomes.map { outcome in
      guard case .appended(let batch) = outcome else { return -1 }
      return batch.baseOffset.rawValue
    }
  }

  private func compare(
    _ local: LocalLogStore, _ model: InMemoryLogStore, _ generator: inout SeededGenerator, _ context: String
  ) async throws {
    let partition = partitions[Int.random(in: 0..<3, using: &generator)]
    let end = try model.bounds(of: partition).logEnd.rawValue
    let offset = Int64.random(in: 0...end, using: &generator)
    let expected = try await model.allRecords(from: offset, of: partition, maxBytes: 100_000)
    let maxBytes = Int.random(in: 0...50_000, using: &generator)
    let found = try await local.allRecords(from: offset, of: partition, maxBytes: maxBytes)
    #expect(found == expected, "\(context): from \(offset), \(maxBytes) bytes")
    let size = try await local.result(from: offset, of: partition, maxBytes: maxBytes)
    let first = try headers(size).first.map(\.batchByteCount) ?? 0
    #expect(size.byteCount <= max(maxBytes, first), "\(context)")
    let time = Int64.random(in: -1...110_000, using: &generator)
    let place = try await model.firstOffset(atOrAfter: time, in: partition)
    #expect(try await local.firstOffset(atOrAfter: time, in: partition) == place, "\(context): time \(time)")
  }
}
