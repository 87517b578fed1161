import NIOCore
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// What goes by age and size, and what is deleted on demand.
@Suite struct RetentionTests {
  /// Three batches of one record to a segment.
  private func config(_ change: (inout LogConfig) -> Void = { _ in }) throws -> LogConfig {
    var config = LogConfig(segmentBytes: 3 * (try batch(["0"]).byteCount))
    change(&config)
    return config
  }

  private func bounds(_ fixture: LocalFixture) throws -> PartitionBounds {
    try fixture.store.bounds(of: partitionA)
  }

  private func append(_ count: Int, to fixture: LocalFixture, everyMs: Int64 = 0) async throws {
    for index in 0..<count {
      try await fixture.store.append(["\(index % 10)"])
      fixture.clock.advance(byMs: everyMs)
    }
  }

  @Test func `segments go once their last append is older than the retention, by the broker's clock`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: try config { $0.retentionMs = 5_000 })
    try await append(9, to: fixture, everyMs: 1_000)
    try await fixture.store.maintain()
    // Appended at 0, 1, 2 | 3, 4, 5 | 6, 7, 8 s; now is 9 s: of the second segment the last is 4 s old.
    #expect(try bounds(fixture).logStart == Offset(3))
    fixture.clock.advance(byMs: 1_001)
    try await fixture.store.maintain()
    #expect(try bounds(fixture).logStart == Offset(6))
    #expect(try fixture.directory.files("").filter { $0.contains("00000000000000000003.") }.isEmpty)
    #expect(try await fixture.store.allRecords(from: 6, maxBytes: 1_000).map(\.value) == ["6", "7", "8"])
    guard
      case .failed(let error, let found) = await fixture.store.read([
        ReadTarget(partition: partitionA, offset: Offset(5), maxBytes: 100)
      ])[0]
    else { return fail("what was removed is read") }
    #expect(error.kind == .offsetOutOfRange && found?.logStart == Offset(6) && found?.highWatermark == Offset(9))
  }

  @Test func `an idle partition is emptied once all of it has expired, and goes on where it was`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: try config { $0.retentionMs = 5_000 })
    try await append(2, to: fixture)
    fixture.clock.advance(byMs: 5_001)
    try await fixture.store.maintain()
    // What was rolled has to be on disk before it may go.
    await expectSoon { (try? bounds(fixture).durableEnd) == Offset(2) }
    try await fixture.store.maintain()
    #expect(try bounds(fixture).logStart == Offset(2))
    #expect(try await fixture.store.append(["next"]) == 2)
    #expect(try await fixture.store.describe(partitionA).segmentCount == 1)
  }

  @Test func `old producers' timestamps do not make records expire`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: try config { $0.retentionMs = 5_000 })
    for _ in 0..<9 { try await fixture.store.append(["0"], timestampMs: 1) }
    try await fixture.store.maintain()
    #expect(try bounds(fixture).logStart == .zero)
  }

  @Test func `the oldest segments go while the rest still holds retention_bytes`() async throws {
    let fixture = try LocalFixture()
    let size = try batch(["0"]).byteCount
    try await fixture.store.create(config: try config { $0.retentionBytes = Int64(5 * size) })
    try await append(11, to: fixture)
    try await fixture.store.maintain()
    // 3 | 3 | 3 | 2: without the first two, five are left.
    #expect(try bounds(fixture).logStart == Offset(6))
    #expect(try await fixture.store.describe(partitionA).sizeBytes == UInt64(5 * size))
  }

  @Test func `without delete in its cleanup policy nothing of a topic goes`() async throws {
    let fixture = try LocalFixture()
    let config = try config {
      $0.retentionMs = 1
      $0.retentionBytes = 1
      $0.cleanup = []
    }
    try await fixture.store.create(config: config)
    try await append(9, to: fixture, everyMs: 1_000)
    try await fixture.store.maintain()
    #expect(try bounds(fixture).logStart == .zero)
  }

  @Test func `a segment is rolled once its first batch is older than segment_ms`() async throws {
    let fixture = try LocalFixture()
    var config = LogConfig()
    config.segmentMs = 10_000
    try await fixture.store.create(config: config)
    try await fixture.store.append(["a"])
    fixture.clock.advance(byMs: 9_000)
    try await fixture.store.append(["b"])
    try await fixture.store.maintain()
    #expect(try await fixture.store.describe(partitionA).segmentCount == 1)
    fixture.clock.advance(byMs: 1_001)
    try await fixture.store.maintain()
    #expect(try await fixture.store.describe(partitionA).segmentCount == 2)
    try await fixture.store.maintain()
    #expect(try await fixture.store.describe(partitionA).segmentCount == 2)
    try await fixture.store.append(["c"])
    #expect(try await fixture.store.allRecords(maxBytes: 1_000).map(\.value) == ["a", "b", "c"])
  }

  @Test func `the age of a segment is known after a stop and after a kill`() async throws {
    for isKilled in [false, true] {
      let fixture = try LocalFixture()
      try await fixture.store.create(config: try config { $0.retentionMs = 5_000 })
      try await append(9, to: fixture, everyMs: 1_000)
      if !isKilled { try await fixture.store.close() }
      let reopened = try fixture.afterKill()
      reopened.clock.set(toMs: fixture.clock.nowMs() + 1_001)
      try await reopened.store.create(config: try config { $0.retentionMs = 5_000 })
      try await reopened.store.maintain()
      #expect(try bounds(reopened).logStart == Offset(6), "killed: \(isKilled)")
    }
  }

  @Test func `deleted records stay deleted through a stop and a kill`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: try config())
    try await append(8, to: fixture)
    #expect(try await fixture.store.deleteRecords(before: Offset(4), in: partitionA, fence: .local) == Offset(4))
    #expect(try await fixture.store.deleteRecords(before: Offset(2), in: partitionA, fence: .local) == Offset(4))
    let killed = try fixture.afterKill()
    try await killed.store.create(config: try config())
    #expect(try bounds(killed).logStart == Offset(4))
    #expect(try await killed.store.records(from: 4, maxBytes: 1).map(\.offset) == [4])
    #expect(try await killed.store.deleteRecords(before: nil, in: partitionA, fence: .local) == Offset(8))
    try await killed.store.close()
    let reopened = try killed.afterKill()
    try await reopened.store.create(config: try config())
    #expect(try bounds(reopened).logStart == Offset(8) && bounds(reopened).logEnd == Offset(8))
    #expect(try await reopened.store.append(["next"]) == 8)
    #expect(await kind { try await reopened.store.result(from: 7) } == .offsetOutOfRange)
  }

  @Test func `records past the readable end cannot be deleted`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: try config())
    try await append(2, to: fixture)
    for offset in [Int64(3), .max] {
      let found = await kind {
        try await fixture.store.deleteRecords(before: Offset(offset), in: partitionA, fence: .local)
      }
      #expect(found == .offsetOutOfRange, "\(offset)")
    }
  }

  @Test func `what a broken-off trim left is removed by the next start`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: try config())
    try await append(9, to: fixture)
    let before = try fixture.directory.copy()
    _ = try await fixture.store.deleteRecords(before: Offset(7), in: partitionA, fence: .local)
    // The state file says so already, and the segments are still there.
    let state = try #require(try fixture.directory.files("state").first { !$0.hasSuffix(".new") })
    let target = try #require(try before.files("state").first)
    try TestDirectory.write(try TestDirectory.read(state), to: target)
    let reopened = try LocalFixture(before)
    try await reopened.store.create(config: try config())
    #expect(try bounds(reopened).logStart == Offset(7))
    #expect(try before.files(".log").count == 1)
    #expect(try await reopened.store.records(from: 7).map(\.offset) == [7, 8])
  }

  @Test func `the log's start moves only once it is on disk`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(durability: .os))
    try await fixture.store.append(["a", "b"], .written)
    let directory = "\(try #require(try fixture.directory.files(".log").first).dropLast(25))"
    fixture.fileSystem.failSyncs(ofDirectory: directory, 5)
    #expect(
      await kind {
        try await fixture.store.deleteRecords(before: Offset(1), in: partitionA, fence: .local)
      } != nil)
    #expect(try bounds(fixture).logStart == .zero)
    #expect(try await fixture.store.records().map(\.value) == ["a", "b"])
  }

  @Test func `damage above a log start past the checkpoint is a loss, not a torn tail`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    for value in ["a", "b", "c"] { try await fixture.store.append([value, value]) }
    _ = try await fixture.store.deleteRecords(before: Offset(5), in: partitionA, fence: .local)
    let copy = try fixture.directory.copy()
    let path = try #require(try copy.files(".log").first)
    var bytes = try TestDirectory.read(path)
    let last = bytes.readableBytes - 1
    bytes.setInteger(try #require(bytes.getInteger(at: last, as: UInt8.self)) ^ 1, at: last)
    try TestDirectory.write(bytes, to: path)
    let reopened = try LocalFixture(copy)
    try await reopened.store.create()
    #expect(try await reopened.store.describe(partitionA).fault?.kind == .dataLoss)
    #expect(try copy.files(".torn").isEmpty)
    guard case .refused = await reopened.store.append([try batch(["d"])])[0] else {
      return fail("appended below the log's start")
    }
  }

  @Test func `a segment whose age is not known beyond damage is kept`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: try config { $0.retentionMs = 5_000 })
    try await append(9, to: fixture, everyMs: 1_000)
    try await fixture.store.close()
    let copy = try fixture.directory.copy()
    for path in try copy.files("index") { try RealFileSystem().removeFile(path) }
    let path = try copy.files(".log")[0]
    var bytes = try TestDirectory.read(path)
    bytes.setInteger(UInt8(0xFF), at: try batch(["0"]).byteCount + 20)
    try TestDirectory.write(bytes, to: path)
    let reopened = try LocalFixture(copy)
    reopened.clock.set(toMs: fixture.clock.nowMs())
    try await reopened.store.create(config: try config { $0.retentionMs = 7_500 })
    try await reopened.store.maintain()
    #expect(try bounds(reopened).logStart == .zero)
  }
}
