import NIOCore
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// What is there after a stop, in order or not.
@Suite struct RecoveryTests {
  private let small = LogConfig(segmentBytes: 400)

  @Test func `a clean stop brings everything back without scanning and in the same epoch`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: small)
    for index in 0..<30 { try await fixture.store.append(["\(index)"]) }
    try await fixture.store.close()
    #expect(try fixture.directory.files(".log").count > 5)
    let reopened = try LocalFixture(try fixture.directory.copy())
    try await reopened.store.create(config: small)
    let bounds = try reopened.store.bounds(of: partitionA)
    #expect(bounds.logEnd == Offset(30) && bounds.highWatermark == Offset(30) && bounds.partitionEpoch == 0)
    #expect(try await reopened.store.append(["30"]) == 30)
    #expect(try await reopened.store.allRecords(maxBytes: 300).map(\.value) == (0...30).map { "\($0)" })
    #expect(try await reopened.store.firstOffset(atOrAfter: 1_000)?.offset == .zero)
    try await reopened.store.close()
  }

  @Test func `the clean marker is gone while a store is open`() async throws {
    let fixture = try LocalFixture()
    let marker = "\(fixture.directory.path)/clean-shutdown"
    try await fixture.store.close()
    #expect(try RealFileSystem().status(marker) != nil)
    let reopened = try LocalFixture(try fixture.directory.copy())
    #expect(try RealFileSystem().status("\(reopened.directory.path)/clean-shutdown") == nil)
  }

  @Test func `a kill loses nothing that was written and raises the epoch`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: small)
    for index in 0..<30 { try await fixture.store.append(["\(index)"], index % 3 == 0 ? .durable : .written) }
    let reopened = try fixture.afterKill()
    try await reopened.store.create(config: small)
    #expect(try await reopened.store.allRecords(maxBytes: 300).map(\.value) == (0..<30).map { "\($0)" })
    #expect(try reopened.store.bounds(of: partitionA).partitionEpoch == 1)
    try await reopened.store.append(["30"])
    #expect(try headers(try await reopened.store.result(from: 30)).map(\.partitionEpoch) == [1])
    let again = try reopened.afterKill()
    try await again.store.create(config: small)
    #expect(try again.store.bounds(of: partitionA).partitionEpoch == 2)
    #expect(try again.store.bounds(of: partitionA).highWatermark == Offset(31))
  }

  @Test func `a partition left alone by a killed store is not taken for clean later`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    try await fixture.store.append(["a"])
    try await fixture.store.close()
    let second = try LocalFixture(try fixture.directory.copy())
    try await second.store.create()
    try await second.store.append(["b"])
    let third = try second.afterKill()
    try await third.store.close()
    let fourth = try LocalFixture(try third.directory.copy())
    try await fourth.store.create()
    #expect(try await fourth.store.records().map(\.value) == ["a", "b"])
    #expect(try fourth.store.bounds(of: partitionA).partitionEpoch == 1)
  }

  @Test func `a last batch torn at any byte is cut off and kept aside`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(durability: .os))
    try await fixture.store.append(["a", "b"], .written)
    try await fixture.store.append(["torn"], .written)
    let path = try #require(try fixture.directory.files(".log").first)
    let whole = try TestDirectory.read(path)
    let good = try batch(["a", "b"]).byteCount
    for length in good..<whole.readableBytes {
      let torn = try fixture.directory.copy()
      let file = try #require(try torn.files(".log").first)
      try TestDirectory.write(try #require(whole.getSlice(at: 0, length: length)), to: file)
      let reopened = try LocalFixture(torn)
      try await reopened.store.create()
      #expect(try await reopened.store.records().map(\.value) == ["a", "b"], "torn at \(length)")
      #expect(try await reopened.store.append(["next"]) == 2)
      let aside = try torn.files(".torn")
      #expect(aside.count == (length == good ? 0 : 1))
      if let first = aside.first {
        #expect(try TestDirectory.read(first) == whole.getSlice(at: good, length: length - good))
      }
    }
  }

  @Test func `any flipped bit above the durable end ends the log there`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(durability: .os))
    try await fixture.store.append(["a"], .written)
    try await fixture.store.append(["b"], .written)
    let whole = try TestDirectory.read(try #require(try fixture.directory.files(".log").first))
    let good = try batch(["a"]).byteCount
    for index in good..<whole.readableBytes {
      let damaged = try fixture.directory.copy()
      try flip(index, of: whole, in: damaged)
      let reopened = try LocalFixture(damaged)
      try await reopened.store.create()
      #expect(try await reopened.store.records().map(\.value) == ["a"], "byte \(index)")
    }
  }

  @Test func `damage below the checkpoint is reported and not cut`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    for value in ["a", "b", "c"] { try await fixture.store.append([value]) }
    let checkpointed = try fixture.afterKill()
    try await checkpointed.store.create()
    let copy = try checkpointed.directory.copy()
    let path = try #require(try copy.files(".log").first)
    let whole = try TestDirectory.read(path)
    try flip(2 * (try batch(["a"]).byteCount) + 119, of: whole, in: copy)
    let damaged = try TestDirectory.read(path)
    let reopened = try LocalFixture(copy)
    try await expectLoss(reopened, readable: ["a", "b"])
    #expect(try TestDirectory.read(path) == damaged)
    #expect(try copy.files(".torn").isEmpty)
    let again = try reopened.afterKill()
    try await expectLoss(again, readable: ["a", "b"])
  }

  @Test func `damage below a later batch's durable end is reported and not cut`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    for value in ["a", "b", "c"] { try await fixture.store.append([value]) }
    for at in [0, 20, 113, 119] {
      let copy = try fixture.directory.copy()
      let whole = try TestDirectory.read(try #require(try copy.files(".log").first))
      try flip(try batch(["a"]).byteCount + at, of: whole, in: copy)
      try await expectLoss(try LocalFixture(copy), readable: ["a"])
    }
  }

  @Test func `a log shorter than its checkpoint is reported`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    for value in ["a", "b"] { try await fixture.store.append([value]) }
    let checkpointed = try fixture.afterKill()
    try await checkpointed.store.create()
    let copy = try checkpointed.directory.copy()
    let path = try #require(try copy.files(".log").first)
    let length = try batch(["a"]).byteCount
    try TestDirectory.write(try #require(try TestDirectory.read(path).getSlice(at: 0, length: length)), to: path)
    try await expectLoss(try LocalFixture(copy), readable: ["a"])
  }

  /// The first length ends past the file, the second within the batch that proves the loss.
  @Test(arguments: [1 << 20, 200]) func `what looks like a batch in a damaged value does not hide the batches after it`(
    _ claimed: UInt32
  ) async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    var header = try batch(["x"]).header
    header.baseOffset = Offset(7)
    header.recordsLength = claimed
    var value = ByteBuffer()
    header.write(to: &value)
    var builder = RecordSetBuilder(baseTimestampMs: 1_000)
    builder.append(key: nil, value: value, timestampMs: 1_000)
    let first = try batch(["a"])
    for next in [first, try builder.build(compression: .none), try batch([String(repeating: "c", count: 300)])] {
      guard case .appended = await fixture.store.append([next])[0] else { throw UnexpectedOutcome(outcome: "refused") }
    }
    let copy = try fixture.directory.copy()
    let path = try #require(try copy.files(".log").first)
    try flip(first.byteCount + 20, of: try TestDirectory.read(path), in: copy)
    try await expectLoss(try LocalFixture(copy), readable: ["a"])
    #expect(try copy.files(".torn").isEmpty)
  }

  @Test func `damage in an early segment is reported by every start`() async throws {
    let fixture = try LocalFixture()
    let one = try batch(["0"])
    try await fixture.store.create(config: LogConfig(segmentBytes: 2 * one.byteCount))
    for index in 0..<8 { try await fixture.store.append(["\(index)"]) }
    let copy = try fixture.directory.copy()
    // As a first start leaves it: the checkpoint lies below the damage.
    try RealFileSystem().removeFile(try #require(try copy.files("state").first))
    let path = try copy.files(".log")[1]
    var bytes = try TestDirectory.read(path)
    bytes.setInteger(UInt8(0xFF), at: one.byteCount + 2)
    try TestDirectory.write(bytes, to: path)
    try await expectLossAtEveryStart(copy, readable: ["0", "1", "2"], from: 0)
  }

  @Test func `a missing first segment is reported by every start`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(segmentBytes: 1))
    for index in 0..<4 { try await fixture.store.append(["\(index)"]) }
    let copy = try fixture.directory.copy()
    try RealFileSystem().removeFile(try copy.files(".log")[0])
    try await expectLossAtEveryStart(copy, readable: ["1", "2", "3"], from: 1)
  }

  private func expectLossAtEveryStart(_ directory: TestDirectory, readable: [String], from: Int64) async throws {
    var directory = directory
    for start in 1...4 {
      let fixture = try LocalFixture(directory)
      try await expectLoss(fixture, readable: readable, from: from)
      // Whether it was stopped in order or not makes no difference.
      if start % 2 == 0 { try await fixture.store.close() }
      directory = try directory.copy()
    }
  }

  @Test(arguments: [nil, 0, 5]) func `a missing or damaged state file costs a scan and nothing else`(
    _ flipped: Int?
  ) async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: small)
    for index in 0..<10 { try await fixture.store.append(["\(index)"]) }
    try await fixture.store.close()
    let copy = try fixture.directory.copy()
    let path = try #require(try copy.files("state").first)
    if let flipped {
      var bytes = try TestDirectory.read(path)
      bytes.setInteger(try #require(bytes.getInteger(at: flipped, as: UInt8.self)) ^ 1, at: flipped)
      try TestDirectory.write(bytes, to: path)
    } else {
      try RealFileSystem().removeFile(path)
    }
    let reopened = try LocalFixture(copy)
    try await reopened.store.create(config: small)
    #expect(try await reopened.store.allRecords(maxBytes: 1_000).map(\.value) == (0..<10).map { "\($0)" })
    #expect(try reopened.store.bounds(of: partitionA).partitionEpoch == 1)
  }

  @Test func `a reader that saw what a crash took is told where the log fell back to`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(durability: .os))
    try await fixture.store.append(["a"], .written)
    let copy = try fixture.directory.copy()
    try await fixture.store.append(["b"], .written)
    let reopened = try LocalFixture(copy)
    try await reopened.store.create(config: LogConfig(durability: .os))
    for _ in 0..<3 { try await reopened.store.append(["other"], .written) }
    let target = ReadTarget(partition: partitionA, offset: Offset(2), maxBytes: 1_000, lastEpoch: 0)
    guard case .failed(let error, _) = await reopened.store.read([target])[0] else {
      Issue.record("a reader that is past the fall-back was served")
      return
    }
    #expect(error.kind == .offsetTruncated(to: Offset(1)))
  }

  private func expectLoss(_ fixture: LocalFixture, readable: [String], from start: Int64 = 0) async throws {
    try await fixture.store.create()
    #expect(try fixture.store.bounds(of: partitionA).logStart == Offset(start))
    #expect(try await allRecords(of: fixture.store, from: start) == readable)
    #expect(try await fixture.store.describe(partitionA).fault?.kind == .dataLoss)
    #expect(await kind { try await fixture.store.result(from: start + Int64(readable.count)) } == .dataLoss)
    guard case .refused(let error) = await fixture.store.append([try batch(["x"])])[0] else {
      Issue.record("a damaged partition took a batch")
      return
    }
    #expect(error.kind == .dataLoss)
  }

  /// Everything up to the end of what may be read; past it there is the fault.
  private func allRecords(of store: LocalLogStore, from start: Int64) async throws -> [String] {
    let end = try store.bounds(of: partitionA).highWatermark.rawValue
    var values: [String] = []
    while start + Int64(values.count) < end {
      values += try await store.records(from: start + Int64(values.count)).map(\.value)
    }
    return values
  }

  private func flip(_ index: Int, of bytes: ByteBuffer, in directory: TestDirectory) throws {
    var bytes = bytes
    let old = try #require(bytes.getInteger(at: index, as: UInt8.self))
    bytes.setInteger(old ^ (1 << UInt8(index % 8)), at: index)
    try TestDirectory.write(bytes, to: try #require(try directory.files(".log").first))
  }
}
