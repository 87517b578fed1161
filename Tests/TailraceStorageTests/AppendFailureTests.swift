import Dispatch
import Glibc
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// What becomes of appends, and of those who wait, when a write fails and cannot be undone.
@Suite struct AppendFailureTests {
  @Test func `a batch before the one whose write failed for good is answered`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    let one = try batch(["0"])
    fixture.fileSystem.failWrites(.stop(after: one.byteCount + 30, code: EIO))
    fixture.fileSystem.failTruncates(EIO)
    let answers = fixture.store.start([one, try batch(["1"]), try batch(["2"])])
    await expectSoon { answers.kinds == ["unknown failed", "refused inputOutput", "refused inputOutput"] }
    #expect(try await fixture.store.describe(partitionA).fault?.kind == .failed)
  }

  @Test func `appends and readers that waited before a write failed for good are let go`() async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    try await store.create()
    let (gate, started) = fixture.fileSystem.holdSyncs()
    let first = store.start([try batch(["a"])])
    started.waitForOne()
    let second = store.start([try batch(["b"])])
    let told = Mutex(false)
    #expect(store.awaitAdvance(of: partitionA, past: .zero) { told.withLock { $0 = true } } != nil)
    fixture.fileSystem.failWrites(.stop(after: 20, code: EIO))
    fixture.fileSystem.failTruncates(EIO)
    let third = store.start([try batch(["c"])])
    await expectSoon { third.kinds == ["refused inputOutput"] }
    await expectSoon { first.kinds == ["unknown failed"] && second.kinds == ["unknown failed"] }
    await expectSoon { told.withLock { $0 } }
    gate.signal()
    fixture.fileSystem.letSyncsThrough()
    // What the flush under way brought to disk is there to be read.
    await expectSoon { (try? store.bounds(of: partitionA).highWatermark) == Offset(1) }
    #expect(try await store.records().map(\.value) == ["a"])
  }

  @Test func `after a write that failed for good at a roll nothing more of the call is written`() async throws {
    let fixture = try LocalFixture()
    let one = try batch(["0"])
    try await fixture.store.create(config: LogConfig(segmentBytes: 2 * one.byteCount))
    fixture.fileSystem.failWrites(.stop(after: one.byteCount + 30, code: EIO))
    fixture.fileSystem.failTruncates(EIO)
    let answers = fixture.store.start(try (0..<5).map { try batch(["\($0)"]) })
    await expectSoon {
      answers.kinds == ["unknown failed", "refused inputOutput"] + Array(repeating: "refused failed", count: 3)
    }
    #expect(fixture.fileSystem.counts.segmentWrites == 1)
    #expect(try fixture.directory.files(".log").count == 1)
  }

  @Test func `it is logged once when appends begin to fail and once when they work again`() async throws {
    let fixture = try LocalFixture()
    let one = try batch(["0"])
    try await fixture.store.create(config: LogConfig(segmentBytes: one.byteCount))
    try await fixture.store.append(["0"])
    #expect(fixture.log.lines.isEmpty)
    var expected: [String] = []
    for _ in 0..<2 {
      fixture.fileSystem.failWrites(.stop(after: 0, code: ENOSPC))
      for _ in 0..<3 { _ = await fixture.store.append([one]) }
      expected.append("warning: appends fail")
      #expect(fixture.log.lines == expected)
      fixture.fileSystem.failWrites(nil)
      for _ in 0..<3 { _ = await fixture.store.append([one]) }
      expected.append("info: appends work again")
      #expect(fixture.log.lines == expected)
    }
    fixture.fileSystem.failOpens(EMFILE)
    for _ in 0..<3 { _ = await fixture.store.append([one]) }
    #expect(fixture.log.lines == expected + ["warning: appends fail"])
  }

  @Test func `it is logged once when a partition becomes read-only`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    fixture.fileSystem.failWrites(.stop(after: 20, code: ENOSPC))
    for _ in 0..<2 { _ = await fixture.store.append([try batch(["a"])]) }
    fixture.fileSystem.failTruncates(EIO)
    for _ in 0..<3 { _ = await fixture.store.append([try batch(["a"])]) }
    #expect(fixture.log.lines == ["warning: appends fail", "warning: appends fail"])
    let other = try LocalFixture()
    try await other.store.create()
    other.fileSystem.failSyncs(EIO)
    for _ in 0..<3 { _ = await other.store.append([try batch(["a"])]) }
    #expect(other.log.lines == ["error: fsync failed: the partition is read-only"])
  }
}
