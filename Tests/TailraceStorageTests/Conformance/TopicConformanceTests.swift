import Synchronization
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Topics come, go and refuse what is against their configuration, in any `LogStore`.
@Suite struct TopicConformanceTests {
  @Test(arguments: StoreKind.allCases) func `create leaves what is there`(_ kind: StoreKind) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    try await store.append(["a"])
    try await store.create(config: kind.config)
    #expect(try await store.records().map(\.value) == ["a"])
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `a dropped topic is gone at once and its waiters are let go`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    let other = PartitionID(topic: topicB, index: 0)
    try await store.create(config: kind.config)
    try await store.create(other, config: kind.config)
    try await store.append(["a"])
    try await store.append(["b"], to: other)
    let told = Mutex(false)
    #expect(store.awaitAdvance(of: partitionA, past: Offset(1)) { told.withLock { $0 = true } } != nil)
    try await store.drop(topic: topicA, fence: .local)
    #expect(told.withLock { $0 })
    #expect(await TailraceStorageTests.kind { try await store.records() } == .unknownPartition)
    #expect(await TailraceStorageTests.kind { try store.bounds(of: partitionA) } == .unknownPartition)
    guard case .refused(let error) = await store.append([try batch(["c"])])[0] else {
      Issue.record("appended to a dropped topic")
      return
    }
    #expect(error.kind == .unknownPartition)
    #expect(try await store.records(of: other).map(\.value) == ["b"])
    try await store.create(config: kind.config)
    #expect(try await store.result(from: 0).byteCount == 0)
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `batches against the configuration are refused one by one`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    var config = kind.config
    config.maxBatchBytes = 300
    config.cleanup = .compact
    try await store.create(config: config)
    let outcomes = await store.append([
      try batch(["a"], key: "k"), try batch(["b"]), try batch([String(repeating: "x", count: 400)], key: "k"),
      try batch(["c"], key: "k"),
    ])
    let kinds = outcomes.map { outcome in
      if case .refused(let error) = outcome { "\(error.kind)" } else { "appended" }
    }
    #expect(kinds == ["appended", "missingKey", "batchTooLarge", "appended"])
    #expect(try await store.allRecords(maxBytes: 1 << 20).map(\.value) == ["a", "c"])
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `a closed store refuses everything`(_ kind: StoreKind) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    try await store.append(["a"])
    let told = Mutex(false)
    _ = store.awaitAdvance(of: partitionA, past: Offset(1)) { told.withLock { $0 = true } }
    try await store.close()
    #expect(told.withLock { $0 })
    #expect(await TailraceStorageTests.kind { try await store.records() } == .closed)
    #expect(await TailraceStorageTests.kind { try await store.create() } == .closed)
    #expect(await TailraceStorageTests.kind { try await store.close() } == .closed)
    #expect(await TailraceStorageTests.kind { try await store.firstOffset(atOrAfter: 0) } == .closed)
    guard case .refused(let error) = await store.append([try batch(["b"])])[0] else {
      Issue.record("a closed store took a batch")
      return
    }
    #expect(error.kind == .closed)
    withExtendedLifetime(directory) {}
  }
}
