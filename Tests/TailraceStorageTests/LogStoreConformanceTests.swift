import NIOCore
import Synchronization
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// A store that the suite runs against.
enum StoreKind: CaseIterable {
  case inMemory
  case local
  /// The local one, with segments so small that every few batches begin a new one.
  case localSmallSegments

  /// The store, and what keeps its directory alive.
  func make(_ clock: ManualClock = ManualClock()) throws -> (store: any LogStore, directory: AnyObject?) {
    guard self != .inMemory else { return (InMemoryLogStore(clock: clock), nil) }
    let fixture = try LocalFixture()
    return (fixture.store, fixture.directory)
  }

  var config: LogConfig {
    LogConfig(segmentBytes: self == .localSmallSegments ? 400 : 1 << 20)
  }
}

/// What every `LogStore` does.
@Suite struct LogStoreConformanceTests {
  @Test(arguments: StoreKind.allCases) func `offsets are dense and in order`(_ kind: StoreKind) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    #expect(try await store.append(["a", "b"]) == 0)
    #expect(try await store.append(["c"]) == 2)
    #expect(try await store.append(["d", "e", "f"]) == 3)
    let read = try await store.allRecords(maxBytes: 1 << 20)
    #expect(read.map(\.value) == ["a", "b", "c", "d", "e", "f"])
    #expect(read.map(\.offset) == [0, 1, 2, 3, 4, 5])
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `a read begins with the batch that holds the offset`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    for index in 0..<200 { try await store.append(["\(index).0", "\(index).1"], .written) }
    _ = await store.append([try batch(["end"])])
    for offset in 0..<400 {
      let first = try #require(try await store.records(from: Int64(offset), maxBytes: 1).first)
      #expect(first == Plain(offset: Int64(offset / 2 * 2), value: "\(offset / 2).0"))
    }
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `reads stay within maxBytes except for the first batch`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    let one = try batch(["0123456789"])
    for _ in 0..<10 { _ = await store.append([one]) }
    #expect(try await store.result(from: 0, maxBytes: 0).byteCount == one.byteCount)
    #expect(try await store.result(from: 0, maxBytes: one.byteCount - 1).byteCount == one.byteCount)
    #expect(try await store.result(from: 0, maxBytes: 2 * one.byteCount + 1).byteCount == 2 * one.byteCount)
    #expect(try await store.allRecords(maxBytes: 2 * one.byteCount).count == 10)
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `only the first target of a read may exceed the bound`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    let other = PartitionID(topic: topicA, index: 1)
    try await store.create(config: kind.config)
    try await store.create(other, config: kind.config)
    try await store.append(["a"])
    try await store.append(["b"], to: other)
    let targets = [partitionA, other].map { ReadTarget(partition: $0, offset: .zero, maxBytes: 1 << 20) }
    let outcomes = await store.read(targets, maxBytes: 1)
    let counts = outcomes.map { outcome in
      if case .read(let result) = outcome { result.byteCount } else { -1 }
    }
    #expect(counts == [try batch(["a"]).byteCount, 0])
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `a read at the end is empty and one past it is out of range`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    #expect(try await store.result(from: 0).byteCount == 0)
    try await store.append(["a", "b"])
    #expect(try await store.result(from: 2).byteCount == 0)
    for offset in [Int64(3), -1, .max, .min] {
      let target = ReadTarget(partition: partitionA, offset: Offset(offset), maxBytes: 100)
      guard case .failed(let error, let bounds) = await store.read([target])[0] else {
        Issue.record("offset \(offset) was read")
        continue
      }
      #expect(error.kind == .offsetOutOfRange)
      #expect(bounds?.highWatermark == Offset(2))
    }
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `a waiter is told once when data arrives past its offset`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    let told = Mutex(0)
    let cancelled = Mutex(0)
    let waiter = store.awaitAdvance(of: partitionA, past: .zero) { told.withLock { $0 += 1 } }
    let other = store.awaitAdvance(of: partitionA, past: .zero) { cancelled.withLock { $0 += 1 } }
    let far = store.awaitAdvance(of: partitionA, past: Offset(1)) { told.withLock { $0 += 100 } }
    #expect(waiter != nil && far != nil)
    store.cancel(try #require(other))
    try await store.append(["a"])
    await expectSoon { told.withLock { $0 } == 1 }
    try await store.append(["b"])
    await expectSoon { told.withLock { $0 } == 101 }
    #expect(cancelled.withLock { $0 } == 0)
    #expect(store.awaitAdvance(of: partitionA, past: .zero) {} == nil)
    withExtendedLifetime(directory) {}
  }

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

  @Test(arguments: StoreKind.allCases) func `bounds follow what is appended`(_ kind: StoreKind) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    try await store.append(["a", "b", "c"])
    let bounds = try store.bounds(of: partitionA)
    let three = Offset(3)
    #expect(
      bounds
        == PartitionBounds(
          logStart: .zero, highWatermark: three, durableEnd: three, logEnd: three, partitionEpoch: 0))
    let figures = try await store.describe(partitionA)
    #expect(figures.bounds == bounds && figures.fault == nil)
    #expect(figures.sizeBytes == UInt64(try batch(["a", "b", "c"]).byteCount))
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `the first record at or after a time is found though clocks jump`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    let times: [Int64] = [1_000, 5_000, 2_000, 2_000, 9_000, 3_000, 10_000]
    for time in times { try await store.append(["x"], timestampMs: time) }
    for time in [Int64(-5), 0, 1_000, 1_001, 2_000, 5_000, 5_001, 9_000, 9_001, 10_000, 10_001, .max, .min] {
      let expected = times.firstIndex { $0 >= time }.map {
        TimestampedOffset(offset: Offset(Int64($0)), timestampMs: times[$0])
      }
      #expect(try await store.firstOffset(atOrAfter: time) == expected, "time \(time)")
    }
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

  @Test(arguments: StoreKind.allCases) func `append times never go back and are read where configured`(
    _ kind: StoreKind
  ) async throws {
    let clock = ManualClock(nowMs: 50_000)
    let fixture = kind == .inMemory ? nil : try LocalFixture()
    let store: any LogStore = fixture?.store ?? InMemoryLogStore(clock: clock)
    let moved = fixture?.clock ?? clock
    moved.set(toMs: 50_000)
    var config = kind.config
    config.hasAppendTimestamps = true
    try await store.create(config: config)
    try await store.append(["a"])
    moved.advance(byMs: -20_000)
    try await store.append(["b"])
    moved.advance(byMs: 30_000)
    try await store.append(["c"])
    #expect(try await store.allRecords(maxBytes: 1 << 20).map(\.timestampMs) == [50_000, 50_000, 60_000])
    #expect(try await store.firstOffset(atOrAfter: 50_001)?.offset == Offset(2))
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

/// Waits for another thread to bring `condition` about: yields until then, and fails after 10 seconds.
func expectSoon(_ condition: () -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async {
  let deadline = ContinuousClock.now + .seconds(10)
  while !condition(), ContinuousClock.now < deadline { await Task.yield() }
  #expect(condition(), sourceLocation: sourceLocation)
}
