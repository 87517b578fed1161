import Synchronization
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// What is appended to any `LogStore` is read back.
@Suite struct ReadConformanceTests {
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
}
