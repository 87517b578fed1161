import Glibc
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Room that is made ready behind the batches of a log whose appends wait for the disk.
@Suite struct PreallocationTests {
  private static func options(_ bytes: Int = 16_000) -> LocalLogStore.Options {
    var options = LocalLogStore.Options.alone
    options.preallocatedBytes = bytes
    return options
  }

  /// Appends one batch after the other, and waits until there is room behind them, or none is wanted.
  private func fill(_ fixture: LocalFixture, count: Int, _ durability: AppendDurability = .durable) async throws {
    for number in 0..<count {
      try await fixture.store.append(["\(number) " + String(repeating: "v", count: 100)], durability)
    }
    let log = try fixture.store.log(of: partitionA).get()
    await expectSoon { log.state.withLock { $0.flushStage == .idle && $0.preallocation.target == nil } }
  }

  private func sizes(_ fixture: LocalFixture) throws -> (end: Int, file: Int) {
    let log = try fixture.store.log(of: partitionA).get()
    let path = try #require(try fixture.directory.files(".log").last)
    return (log.state.withLock { $0.logEnd.position }, try #require(try RealFileSystem().status(path)).byteCount)
  }

  @Test func `room behind the last batch is no data to readers, to a start after a kill, or to log verify`()
    async throws
  {
    let fixture = try LocalFixture(options: Self.options())
    try await fixture.store.create()
    try await fill(fixture, count: 60)
    let (end, file) = try sizes(fixture)
    #expect(file > end && file <= end + end / 2)
    let written = try await fixture.store.allRecords(maxBytes: 2_000)
    #expect(written.count == 60)

    let copy = try fixture.directory.copy()
    #expect(try Verdict(copy.path).findings.isEmpty)

    let killed = try LocalFixture(copy)
    try await killed.store.create()
    #expect(try await killed.store.allRecords(maxBytes: 2_000) == written)
    #expect(try killed.directory.files(".torn").isEmpty)
    #expect(try sizes(killed) == (end, end))
    #expect(try await killed.store.append(["next"]) == 60)
  }

  @Test func `a clean stop leaves none, and neither does a finished segment`() async throws {
    let fixture = try LocalFixture(options: Self.options(4_000))
    try await fixture.store.create(config: LogConfig(segmentBytes: 6_000))
    try await fill(fixture, count: 90)
    let paths = try fixture.directory.files(".log")
    #expect(paths.count >= 3)
    #expect(try sizes(fixture).file > sizes(fixture).end)
    for path in paths.dropLast() { try expectBatchesOnly(path) }
    try await fixture.store.close()
    for path in paths { try expectBatchesOnly(path) }
    let reopened = try fixture.afterKill()
    let before = reopened.fileSystem.counts.segmentReadBytes
    try await reopened.store.create()
    #expect(reopened.fileSystem.counts.segmentReadBytes == before)
    #expect(try await reopened.store.allRecords(maxBytes: 2_000).count == 90)
  }

  @Test func `where nobody waits for the disk, none is made`() async throws {
    for durability in [LogConfig.Durability.os, .interval(milliseconds: 10)] {
      let fixture = try LocalFixture(options: Self.options())
      try await fixture.store.create(config: LogConfig(durability: durability))
      try await fill(fixture, count: 60)
      #expect(try sizes(fixture).file == sizes(fixture).end)
    }
  }

  @Test func `where much is flushed at a time, none is made`() async throws {
    let fixture = try LocalFixture(options: Self.options())
    try await fixture.store.create()
    for _ in 0..<20 { try await fixture.store.append([String(repeating: "v", count: 100_000)]) }
    try await fill(fixture, count: 1)
    #expect(try sizes(fixture).file == sizes(fixture).end)
  }

  @Test func `a torn batch in the room is kept aside without what follows it`() async throws {
    let fixture = try LocalFixture(options: Self.options())
    try await fixture.store.create()
    try await fill(fixture, count: 100)
    let (end, file) = try sizes(fixture)
    let copy = try fixture.directory.copy()
    let path = try #require(try copy.files(".log").first)
    let torn = try TestDirectory.read(path)
    var bytes = torn
    bytes.setBytes([RecordBatchHeader.firstTag, 1, 2, 3], at: end)
    try TestDirectory.write(bytes, to: path)
    #expect(bytes.readableBytes == file && file > end + 4_100)
    let reopened = try LocalFixture(copy)
    try await reopened.store.create()
    #expect(try await reopened.store.allRecords(maxBytes: 2_000).count == 100)
    let aside = try TestDirectory.read(try #require(try copy.files(".torn").first))
    #expect(aside.readableBytes < 4_100 && aside.getBytes(at: 0, length: 4) == [RecordBatchHeader.firstTag, 1, 2, 3])
    #expect(try sizes(reopened) == (end, end))
  }

  @Test func `zeros in place of what was on disk are a loss, not unused room`() async throws {
    let fixture = try LocalFixture(options: Self.options(4_000))
    try await fixture.store.create(config: LogConfig(segmentBytes: 6_000))
    try await fill(fixture, count: 90)
    let copy = try fixture.directory.copy()
    let path = try #require(try copy.files(".log").last)
    let length = try TestDirectory.read(path).readableBytes
    try TestDirectory.write(ByteBuffer(repeating: 0, count: length), to: path)
    let reopened = try LocalFixture(copy)
    try await reopened.store.create()
    #expect(try await reopened.store.describe(partitionA).fault?.kind == .dataLoss)
    #expect(try !Verdict(copy.path).errors.isEmpty)
  }

  @Test func `an fsync of it that fails is final, and no batch that came meanwhile is acked`() async throws {
    let directory = try TestDirectory()
    let fileSystem = HookedFileSystem()
    let store = try LocalLogStore(
      directory: directory.path, fileSystem: fileSystem, clock: ManualClock(), logger: RecordedLog().logger,
      options: Self.options())
    try await store.create()
    let log = try store.log(of: partitionA).get()
    let late = try batch(["meanwhile"])
    let lateAnswers = Mutex<Answers?>(nil)
    fileSystem.set { change in
      guard case .sync(let path) = change, path.hasSuffix(".log") else { return nil }
      guard log.state.withLock({ $0.preallocation.target != nil }) else { return nil }
      let answers: Answers? = lateAnswers.withLock { answers in
        guard answers == nil else { return nil }
        answers = store.start([late])
        return answers
      }
      // The kernel tells of a failed write once: whoever else has the file brought to disk now is told that all is well.
      guard let answers else { return nil }
      let deadline = ContinuousClock.now + .milliseconds(500)
      while answers.kinds == ["missing"], ContinuousClock.now < deadline { sched_yield() }
      return EIO
    }
    for number in 0..<100 where lateAnswers.withLock({ $0 == nil }) {
      _ = await store.append([try batch(["\(number) " + String(repeating: "v", count: 100)])])
      await expectSoon { log.state.withLock { $0.preallocation.target == nil } }
    }
    let answers = try #require(lateAnswers.withLock { $0 })
    await expectSoon { answers.kinds != ["missing"] }
    #expect(!answers.kinds[0].hasPrefix("appended"))
    #expect(log.state.withLock { $0.fault } != nil)
  }

  @Test func `where there is no space for it, appends go on`() async throws {
    let fixture = try LocalFixture(options: Self.options())
    try await fixture.store.create()
    fixture.fileSystem.failWrites(.refuseZeros(code: ENOSPC))
    try await fill(fixture, count: 60)
    #expect(try sizes(fixture).file == sizes(fixture).end)
    #expect(try await fixture.store.describe(partitionA).fault == nil)
    fixture.fileSystem.failWrites(nil)
    try await fill(fixture, count: 10)
    #expect(try sizes(fixture).file > sizes(fixture).end)
    #expect(try await fixture.store.allRecords(maxBytes: 2_000).count == 70)
  }

  @Test
  func `a segment that is finished with room behind it, and not flushed, is read and compacted up to its last batch`()
    async throws
  {
    let log = try await CompactedLog(config: LogConfig(cleanup: .compact), options: Self.options())
    for number in 0..<60 { try await log.append(["key": "\(number) " + String(repeating: "v", count: 100)]) }
    let partition = try log.partition
    await expectSoon { partition.state.withLock { $0.flushStage == .idle && $0.preallocation.target == nil } }
    _ = partition.flush(needsCheckpoint: true)
    #expect(partition.state.withLock { $0.preallocation.end > $0.logEnd.position })
    #expect(partition.state.withLock { $0.roll(partition.context(nowMs: 0)) } == nil)
    #expect(try log.records().count == 60)
    #expect(try log.compact()?.outcome == .complete)
    #expect(try log.records().map(\.offset) == [59])
    _ = partition.flush(needsCheckpoint: false)
    #expect(partition.state.withLock { $0.fault } == nil)
  }

  @Test
  func `a segment that was finished at its checkpoint, and killed before the room behind it was cut off, is whole`()
    async throws
  {
    let fixture = try LocalFixture(options: Self.options())
    try await fixture.store.create()
    try await fill(fixture, count: 100)
    let log = try fixture.store.log(of: partitionA).get()
    _ = log.flush(needsCheckpoint: true)
    #expect(try sizes(fixture).file > sizes(fixture).end)
    #expect(log.state.withLock { $0.roll(log.context(nowMs: 0)) } == nil)
    let killed = try fixture.afterKill()
    try await killed.store.create()
    #expect(try await killed.store.append(["next"]) == 100)
    #expect(try await killed.store.allRecords(maxBytes: 2_000).count == 101)
    #expect(try await killed.store.firstOffset(atOrAfter: 1_000)?.offset == .zero)
    for path in try killed.directory.files(".log") { try expectBatchesOnly(path) }
  }

  @Test func `what was written behind a finished segment with room, and not flushed, is there after a kill`()
    async throws
  {
    let fixture = try LocalFixture(options: Self.options())
    try await fixture.store.create(config: LogConfig(segmentBytes: 24_000))
    try await fill(fixture, count: 100)
    let log = try fixture.store.log(of: partitionA).get()
    #expect(try sizes(fixture).file > sizes(fixture).end)
    #expect(log.state.withLock { $0.roll(log.context(nowMs: 0)) } == nil)
    // Nobody carries out what this leaves to do: there is no flush.
    let request = AppendRequest(partition: partitionA, batch: try batch(["behind"]), durability: .written) { _ in }
    _ = log.append([request])
    let copy = try fixture.directory.copy()
    let killed = try LocalFixture(copy)
    try await killed.store.create()
    #expect(try await killed.store.allRecords(maxBytes: 2_000).map(\.value).last == "behind")
    #expect(try copy.files(".torn").isEmpty)
  }

  private func expectBatchesOnly(_ path: String) throws {
    let file = try RealFileSystem().open(path, .read)
    let byteCount = try file.byteCount()
    var scanner = BatchScanner(file: file, byteCount: byteCount)
    while try scanner.next() != nil {}
    #expect(scanner.position == byteCount)
  }
}
