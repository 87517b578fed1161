import Glibc
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Want of descriptors or memory: nothing is lost by it, and nothing stays broken after it.
@Suite struct ScarceResourceTests {
  private let codes = [EMFILE, ENFILE, ENOMEM]

  @Test func `a segment that cannot be begun for want of descriptors refuses the batch and no later one`() async throws
  {
    let fixture = try LocalFixture()
    let one = try batch(["0"])
    try await fixture.store.create(config: LogConfig(segmentBytes: one.byteCount))
    try await fixture.store.append(["0"])
    for (index, code) in codes.enumerated() {
      fixture.fileSystem.failOpens(code)
      guard case .refused(let error) = await fixture.store.append([one])[0] else {
        Issue.record("a segment was begun without a descriptor")
        return
      }
      #expect(error.kind == .full)
      fixture.fileSystem.failOpens(nil)
      #expect(try await fixture.store.append(["\(index + 1)"]) == Int64(index + 1))
    }
    #expect(try await fixture.store.allRecords(maxBytes: 1_000).map(\.value) == ["0", "1", "2", "3"])
  }

  @Test func `a flush that finds no descriptor is tried again and its appends are acked then`() async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    let one = try batch(["0"])
    try await store.create(config: LogConfig(segmentBytes: one.byteCount))
    try await store.append(["0"])
    fixture.fileSystem.failDirectoryOpens(EMFILE)
    let first = store.start([try batch(["1"])])
    await expectSoon { fixture.fileSystem.counts.refusedOpens >= 1 }
    let second = store.start([try batch(["2"])])
    await expectSoon {
      fixture.clock.advance(byMs: 100)
      return fixture.fileSystem.counts.refusedOpens > 2
    }
    #expect(first.kinds == ["missing"] && second.kinds == ["missing"])
    #expect(try await store.describe(partitionA).fault == nil)
    #expect(try store.bounds(of: partitionA).durableEnd == Offset(1))
    fixture.fileSystem.failDirectoryOpens(nil)
    await expectSoon {
      fixture.clock.advance(byMs: 100)
      return first.kinds == ["appended 1"] && second.kinds == ["appended 2"]
    }
    #expect(try await store.append(["3"]) == 3)
    #expect(try await store.allRecords(maxBytes: 1_000).map(\.value) == ["0", "1", "2", "3"])
  }

  @Test func `a flush that was put off and never carried out leaves nobody waiting when the store closes`() async throws
  {
    let fixture = try LocalFixture()
    let one = try batch(["0"])
    try await fixture.store.create(config: LogConfig(segmentBytes: one.byteCount))
    try await fixture.store.append(["0"])
    fixture.fileSystem.failDirectoryOpens(EMFILE)
    let answers = fixture.store.start([try batch(["1"])])
    await expectSoon { fixture.fileSystem.counts.refusedOpens == 1 }
    // The marker cannot be written either.
    #expect(await kind { try await fixture.store.close() } == .full)
    #expect(answers.kinds == ["unknown closed"])
    let reopened = try fixture.afterKill()
    try await reopened.store.create()
    #expect(try await reopened.store.allRecords(maxBytes: 1_000).map(\.value) == ["0", "1"])
    #expect(try reopened.store.bounds(of: partitionA).partitionEpoch == 1)
  }

  @Test func `a partition that cannot be made for want of descriptors can be made later`() async throws {
    let fixture = try LocalFixture()
    for code in codes {
      fixture.fileSystem.failOpens(code)
      #expect(await kind { try await fixture.store.create() } == .full)
    }
    fixture.fileSystem.failOpens(nil)
    try await fixture.store.create()
    #expect(try await fixture.store.append(["a"]) == 0)
  }

  @Test func `want of memory in an fsync itself is final`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    fixture.fileSystem.failSyncs(ENOMEM)
    guard case .unknown(let error) = await fixture.store.append([try batch(["a"])])[0] else {
      Issue.record("acked without being on disk")
      return
    }
    #expect(error.kind == .failed)
    #expect(try await fixture.store.describe(partitionA).fault?.kind == .failed)
  }

  @Test func `a timed flush comes also when the clock is set back`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(durability: .interval(milliseconds: 500)))
    try await fixture.store.append(["a"], .written)
    fixture.clock.advance(byMs: 500)
    await expectSoon { (try? fixture.store.bounds(of: partitionA).durableEnd) == Offset(1) }
    try await fixture.store.append(["b"], .written)
    fixture.clock.advance(byMs: -3_600_000)
    await expectSoon { (try? fixture.store.bounds(of: partitionA).durableEnd) == Offset(2) }
  }
}
