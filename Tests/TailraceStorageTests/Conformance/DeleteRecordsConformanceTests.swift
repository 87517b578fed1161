import Synchronization
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// The start of a log moves up, in any `LogStore`.
@Suite struct DeleteRecordsConformanceTests {
  private func delete(
    before offset: Int64?, in store: any LogStore, _ partition: PartitionID = partitionA
  ) async throws(StorageError) -> Int64 {
    try await store.deleteRecords(before: offset.map { Offset($0) }, in: partition, fence: .local).rawValue
  }

  @Test(arguments: StoreKind.allCases) func `what lies below is out of range, with the bounds`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    for index in 0..<50 { try await store.append(["\(index)"], .written) }
    _ = await store.append([try batch(["end"])])
    #expect(try await delete(before: 20, in: store) == 20)
    for offset in [Int64(0), 1, 19] {
      guard
        case .failed(let error, let bounds) = await store.read([
          ReadTarget(partition: partitionA, offset: Offset(offset), maxBytes: 1 << 20)
        ])[0]
      else {
        Issue.record("offset \(offset) was read")
        continue
      }
      #expect(error.kind == .offsetOutOfRange)
      #expect(bounds?.logStart == Offset(20) && bounds?.highWatermark == Offset(51))
    }
    #expect(try store.bounds(of: partitionA).logStart == Offset(20))
    #expect(try await store.allRecords(from: 20, maxBytes: 1 << 20).map(\.value) == (20..<50).map { "\($0)" } + ["end"])
    #expect(try await store.append(["more"]) == 51)
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `the start never moves back, and never past the high watermark`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    for index in 0..<10 { try await store.append(["\(index)"]) }
    #expect(try await delete(before: 4, in: store) == 4)
    for offset in [Int64(4), 3, 0, -1, .min] { #expect(try await delete(before: offset, in: store) == 4) }
    for offset in [Int64(11), .max] {
      #expect(await TailraceStorageTests.kind { try await delete(before: offset, in: store) } == .offsetOutOfRange)
    }
    #expect(try store.bounds(of: partitionA).logStart == Offset(4))
    #expect(try await delete(before: 10, in: store) == 10)
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `without an offset everything goes, and offsets go on`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    #expect(try await delete(before: nil, in: store) == 0)
    try await store.append(["a", "b", "c"])
    #expect(try await delete(before: nil, in: store) == 3)
    let bounds = try store.bounds(of: partitionA)
    #expect(bounds.logStart == Offset(3) && bounds.highWatermark == Offset(3) && bounds.logEnd == Offset(3))
    #expect(try await store.result(from: 3).byteCount == 0)
    #expect(try await store.firstOffset(atOrAfter: 0) == nil)
    #expect(try await store.append(["d"]) == 3)
    #expect(try await store.records(from: 3).map(\.value) == ["d"])
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `a start inside of a batch hides its records below from look-ups by time`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    try await store.append(["a", "b", "c", "d"], timestampMs: 7_000)
    #expect(try await delete(before: 2, in: store) == 2)
    #expect(try await store.firstOffset(atOrAfter: 0) == TimestampedOffset(offset: Offset(2), timestampMs: 7_000))
    // The batch comes whole: readers drop what is below the offset that they asked for.
    #expect(try await store.records(from: 2).map(\.value) == ["a", "b", "c", "d"])
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `readers that wait at the end go on waiting`(
    _ kind: StoreKind
  ) async throws {
    let (store, directory) = try kind.make()
    try await store.create(config: kind.config)
    try await store.append(["a"])
    let told = Mutex(0)
    #expect(store.awaitAdvance(of: partitionA, past: Offset(1)) { told.withLock { $0 += 1 } } != nil)
    #expect(try await delete(before: nil, in: store) == 1)
    #expect(told.withLock { $0 } == 0)
    try await store.append(["b"])
    await expectSoon { told.withLock { $0 } == 1 }
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: StoreKind.allCases) func `one partition's start is no other's`(_ kind: StoreKind) async throws {
    let (store, directory) = try kind.make()
    let other = PartitionID(topic: topicA, index: 1)
    try await store.create(config: kind.config)
    try await store.create(other, config: kind.config)
    try await store.append(["a"])
    try await store.append(["b"], to: other)
    #expect(try await delete(before: 1, in: store) == 1)
    #expect(try await store.records(of: other).map(\.value) == ["b"])
    let unknown = PartitionID(topic: topicB, index: 0)
    #expect(await TailraceStorageTests.kind { try await delete(before: 0, in: store, unknown) } == .unknownPartition)
    try await store.close()
    #expect(await TailraceStorageTests.kind { try await delete(before: 1, in: store) } == .closed)
    withExtendedLifetime(directory) {}
  }
}
