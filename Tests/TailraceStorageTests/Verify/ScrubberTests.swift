import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

@Suite struct ScrubberTests {
  private let config = LogConfig(segmentBytes: 400)

  /// A store with thirty records in small segments, and its scrub.
  private func fixture() async throws -> (LocalFixture, PartitionLog) {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: config)
    for index in 0..<30 { try await fixture.store.append(["\(index)"]) }
    return (fixture, try fixture.store.log(of: partitionA).get())
  }

  private func scrubber(
    _ fixture: LocalFixture, _ log: PartitionLog, bytesPerSecond: Int = 1 << 20, intervalMs: Int64 = 1_000_000
  ) -> Scrubber {
    Scrubber(bytesPerSecond: bytesPerSecond, intervalMs: intervalMs, logger: fixture.log.logger) { [weak log] in
      log.map { [$0] } ?? []
    }
  }

  /// Steps to the round's end, moving the clock as asked; returns how long it took.
  @discardableResult
  private func runRound(_ scrubber: inout Scrubber, _ clock: ManualClock) -> Int64 {
    let start = clock.nowMs()
    let rounds = scrubber.totals.rounds
    while true {
      let step = scrubber.step(nowMs: clock.nowMs())
      if scrubber.totals.rounds > rounds { return clock.nowMs() - start }
      clock.advance(byMs: step.nextDelayMs)
    }
  }

  private func flip(_ index: Int, in path: String) throws {
    let file = try RealFileSystem().open(path, .readWrite)
    let old = try #require(try file.read(1, at: index).getInteger(at: 0, as: UInt8.self))
    #expect(file.write([ByteBuffer(bytes: [old ^ 1])], at: index).error == nil)
  }

  @Test func `a round reads what is on disk, once, at the rate it is given, and finds nothing in what is whole`()
    async throws
  {
    let (fixture, log) = try await fixture()
    let total = try await fixture.store.describe(partitionA).sizeBytes
    for rate in [100, 1_000, 1 << 20] {
      var scrubber = scrubber(fixture, log, bytesPerSecond: rate)
      let tookMs = runRound(&scrubber, fixture.clock)
      #expect(scrubber.totals == Scrubber.Totals(rounds: 1, bytesRead: Int(total), findings: 0))
      #expect(tookMs >= Int64(total) * 1_000 / Int64(rate))
    }
    #expect(!fixture.log.lines.contains { $0.hasPrefix("error") })
  }

  @Test func `the next round begins an interval after the one before began, whatever the clock does`() async throws {
    let (fixture, log) = try await fixture()
    var scrubber = scrubber(fixture, log)
    let start = fixture.clock.nowMs()
    runRound(&scrubber, fixture.clock)
    #expect(scrubber.step(nowMs: start + 999_999) == Scrubber.Step(bytesRead: 0, nextDelayMs: 1))
    #expect(scrubber.step(nowMs: start + 999_000) == Scrubber.Step(bytesRead: 0, nextDelayMs: 1_000))
    #expect(scrubber.step(nowMs: start + 1_000_000).bytesRead > 0)
    runRound(&scrubber, fixture.clock)
    // A clock that was set far back.
    #expect(scrubber.step(nowMs: 5).bytesRead > 0)
  }

  @Test func `damage is logged and counted and becomes the partition's fault, and reads and appends go on`()
    async throws
  {
    let (fixture, log) = try await fixture()
    var scrubber = scrubber(fixture, log)
    let paths = try fixture.directory.files(".log")
    try flip(119, in: paths[1])
    runRound(&scrubber, fixture.clock)
    #expect(scrubber.totals.findings == 1)
    #expect(fixture.log.lines.filter { $0 == "error: scrub: data on disk is damaged" }.count == 1)
    let fault = try #require(try await fixture.store.describe(partitionA).fault)
    #expect(fault.kind == .dataLoss && fault.message.contains(paths[1]) && fault.message.contains("position 0"))
    #expect(try await fixture.store.append(["next"]) == 30)
    #expect(try await fixture.store.records(from: 30).map(\.value) == ["next"])
    #expect(try await fixture.store.records(from: 0, maxBytes: 130).map(\.value) == ["0"])

    // Mended, for example from a copy.
    try flip(119, in: paths[1])
    fixture.clock.advance(byMs: 1_000_000)
    runRound(&scrubber, fixture.clock)
    #expect(try await fixture.store.describe(partitionA).fault == nil)
  }

  @Test func `each kind of damage is found`() async throws {
    let fileSystem = RealFileSystem()
    let damages: [(String, (String) throws -> Void)] = [
      ("header", { try self.flip(20, in: $0) }), ("records", { try self.flip(120, in: $0) }),
      ("cut", { try fileSystem.open($0, .readWrite).truncate(to: 130) }),
      ("empty", { try fileSystem.open($0, .readWrite).truncate(to: 0) }),
      ("gone", { try fileSystem.removeFile($0) }),
    ]
    for (name, damage) in damages {
      for index in [0, -1] {
        let (fixture, log) = try await fixture()
        let paths = try fixture.directory.files(".log")
        try damage(paths[index < 0 ? paths.count - 1 : index])
        var scrubber = scrubber(fixture, log)
        runRound(&scrubber, fixture.clock)
        #expect(scrubber.totals.findings > 0, "\(name) of segment \(index)")
        #expect(try await fixture.store.describe(partitionA).fault?.kind == .dataLoss || name == "gone")
      }
    }
  }

  @Test func `zeros in place of the last batches are found, where room was made behind them, too`() async throws {
    let (fixture, log) = try await fixture()
    let path = try #require(try fixture.directory.files(".log").last)
    let end = log.state.withLock { $0.logEnd.position }
    let file = try RealFileSystem().open(path, .readWrite)
    #expect(file.write([ByteBuffer(repeating: 0, count: end + 5_000)], at: 0).error == nil)
    var scrubber = scrubber(fixture, log)
    runRound(&scrubber, fixture.clock)
    #expect(scrubber.totals.findings == 1)
    #expect(try await fixture.store.describe(partitionA).fault?.kind == .dataLoss)
  }

  @Test func `a segment that the log gives up is no finding`() async throws {
    let (fixture, log) = try await fixture()
    var scrubber = scrubber(fixture, log, bytesPerSecond: 1)
    let paths = try fixture.directory.files(".log")
    _ = scrubber.step(nowMs: fixture.clock.nowMs())
    for path in paths[..<4] {
      try RealFileSystem().removeFile(path)
      log.state.withLock {
        $0.segments.removeFirst()
        $0.logStart = $0.segments[0].baseOffset
      }
    }
    runRound(&scrubber, fixture.clock)
    #expect(scrubber.totals.findings == 0)
    #expect(try await fixture.store.describe(partitionA).fault == nil)
  }

  @Test func `what is not on disk yet is not looked at`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(durability: .os))
    try await fixture.store.append(["a"], .written)
    let log = try fixture.store.log(of: partitionA).get()
    var scrubber = scrubber(fixture, log)
    runRound(&scrubber, fixture.clock)
    #expect(scrubber.totals.bytesRead == 0)
  }

  @Test func `a partition that is dropped during a round is let go of`() async throws {
    let (fixture, log) = try await fixture()
    var scrubber = Scrubber(bytesPerSecond: 1, intervalMs: 1_000, logger: fixture.log.logger) { [log] }
    _ = scrubber.step(nowMs: fixture.clock.nowMs())
    try await fixture.store.drop(topic: topicA, fence: .local)
    runRound(&scrubber, fixture.clock)
    #expect(scrubber.totals.findings == 0)
  }

  @Test func `the store's scrub follows its options`() async throws {
    var options = LocalLogStore.Options()
    #expect(try LocalFixture(options: options).store.makeScrubber() != nil)
    options.scrubBytesPerSecond = 0
    #expect(try LocalFixture(options: options).store.makeScrubber() == nil)
  }

  @Test func `reading a file for the last time gives what reading gives`() async throws {
    let (fixture, _) = try await fixture()
    for path in try fixture.directory.files(".log") {
      let whole = try TestDirectory.read(path)
      let file = UncachedFile(try RealFileSystem().open(path, .read))
      #expect(try file.read(whole.readableBytes, at: 0) == whole)
      #expect(try file.read(10_000, at: 100) == whole.getSlice(at: 100, length: whole.readableBytes - 100))
      #expect(try file.read(10, at: 1 << 20).readableBytes == 0)
    }
  }
}
