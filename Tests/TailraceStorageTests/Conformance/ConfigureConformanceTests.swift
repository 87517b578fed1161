import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// A new configuration is in force at once, in any `LogStore`.
@Suite struct ConfigureConformanceTests {
  @Test(arguments: StoreKind.allCases) func `a topic's partitions take it, another topic's do not`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    let second = PartitionID(topic: topicA, index: 1)
    let other = PartitionID(topic: topicB, index: 0)
    for partition in [partitionA, second, other] { try await store.create(partition, config: kind.config) }
    var config = kind.config
    config.maxBatchBytes = 200
    try await store.configure(topic: topicA, config: config, fence: .local)
    let large = try batch([String(repeating: "x", count: 300)])
    for partition in [partitionA, second] {
      guard case .refused(let error) = await store.append([large], to: partition)[0] else {
        Issue.record("a batch above the new bound was taken")
        continue
      }
      #expect(error.kind == .batchTooLarge)
    }
    guard case .appended = await store.append([large], to: other)[0] else {
      Issue.record("another topic's batch was refused")
      return
    }
    try await store.configure(topic: topicA, config: kind.config, fence: .local)
    guard case .appended = await store.append([large])[0] else {
      Issue.record("the bound was not taken back")
      return
    }
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `a topic that becomes compacted takes no record without a key from then on`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    try await store.append(["keyless"])
    var config = kind.config
    config.cleanup = .compact
    try await store.configure(topic: topicA, config: config, fence: .local)
    guard case .refused(let error) = await store.append([try batch(["b"])])[0] else {
      Issue.record("a record without a key was taken")
      return
    }
    #expect(error.kind == .missingKey)
    guard case .appended = await store.append([try batch(["c"], key: "k")])[0] else {
      Issue.record("a record with a key was refused")
      return
    }
    #expect(try await store.allRecords(maxBytes: 1 << 20).map(\.value) == ["keyless", "c"])
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `whose time readers see changes for later batches only`(
    _ kind: StoreKind
  ) async throws {
    let clock = ManualClock(nowMs: 50_000)
    let fixture = kind == .inMemory ? nil : try LocalFixture()
    let store: any LogStore = fixture?.store ?? InMemoryLogStore(clock: clock)
    (fixture?.clock ?? clock).set(toMs: 50_000)
    try await store.create(config: kind.config)
    try await store.append(["a"])
    var config = kind.config
    config.hasAppendTimestamps = true
    try await store.configure(topic: topicA, config: config, fence: .local)
    try await store.append(["b"])
    #expect(try await store.allRecords(maxBytes: 1 << 20).map(\.timestampMs) == [1_000, 50_000])
  }
}
