import Dispatch
import Glibc
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// What is on disk when, who is told, and what failures of the disk come to.
@Suite struct DurabilityTests {
  @Test func `readers do not see what is not on disk yet on a durable topic`() async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    try await store.create()
    let (gate, started) = fixture.fileSystem.holdSyncs()
    let outcome = await store.append([try batch(["a"])], .written)
    #expect(outcome == [.appended(AppendedBatch(baseOffset: .zero, appendTimestampMs: fixture.clock.nowMs()))])
    started.waitForOne()
    let durable = Mutex<[AppendOutcome]>([])
    let request = AppendRequest(partition: partitionA, batch: try batch(["b"]), durability: .durable) { outcome in
      durable.withLock { $0 = [outcome] }
    }
    store.append([request], fence: .local)
    #expect(try await store.result(from: 0).byteCount == 0)
    #expect(try store.bounds(of: partitionA).logEnd == Offset(2))
    #expect(try store.bounds(of: partitionA).highWatermark == .zero)
    #expect(durable.withLock { $0 }.isEmpty)
    gate.signal()
    started.waitForOne()
    #expect(try await store.records().map(\.value) == ["a"])
    #expect(durable.withLock { $0 }.isEmpty)
    gate.signal()
    await expectSoon { durable.withLock { $0.count } == 1 }
    #expect(try await store.records().map(\.value) == ["a", "b"])
    fixture.fileSystem.letSyncsThrough()
  }

  @Test func `readers see at once what is written on an os topic`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(durability: .os))
    try await fixture.store.append(["a"], .written)
    #expect(try await fixture.store.records().map(\.value) == ["a"])
    #expect(try fixture.store.bounds(of: partitionA).durableEnd == .zero)
    try await fixture.store.append(["b"], .durable)
    #expect(try fixture.store.bounds(of: partitionA).durableEnd == Offset(2))
  }

  @Test func `an interval topic is flushed when its time has come`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(durability: .interval(milliseconds: 500)))
    try await fixture.store.append(["a"], .written)
    try await fixture.store.append(["b"], .written)
    #expect(try fixture.store.bounds(of: partitionA).durableEnd == .zero)
    fixture.clock.advance(byMs: 500)
    await expectSoon { (try? fixture.store.bounds(of: partitionA).durableEnd) == Offset(2) }
  }

  @Test func `an interval topic goes on being flushed after a time came when nothing was to be done`() async throws {
    let fixture = try LocalFixture()
    let config = LogConfig(durability: .interval(milliseconds: 500), maxBatchBytes: 1_000)
    try await fixture.store.create(config: config)
    let (gate, started) = fixture.fileSystem.holdSyncs()
    try await fixture.store.append(["a"], .written)
    fixture.clock.advance(byMs: 500)
    started.waitForOne()
    // While the flush runs there is something to flush: even a refused append has one timed.
    let tooLarge = try batch([String(repeating: "x", count: 2_000)])
    guard case .refused = await fixture.store.append([tooLarge], .written)[0] else { return fail("not refused") }
    fixture.fileSystem.letSyncsThrough()
    gate.signal()
    await expectSoon { (try? fixture.store.bounds(of: partitionA).durableEnd) == Offset(1) }
    let log = try fixture.store.log(of: partitionA).get()
    #expect(log.state.withLock { $0.flushDueMs } != nil)
    fixture.clock.advance(byMs: 500)
    await expectSoon { log.state.withLock { $0.flushDueMs == nil && $0.flushStage == .idle } }
    try await fixture.store.append(["b"], .written)
    fixture.clock.advance(byMs: 500)
    await expectSoon { (try? fixture.store.bounds(of: partitionA).durableEnd) == Offset(2) }
  }

  @Test func `a durable topic made os moves the high watermark up and never back`() async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    try await store.create(config: LogConfig(durability: .os))
    try await store.append(["a"], .written)
    let (gate, started) = fixture.fileSystem.holdSyncs()
    try await store.configure(topic: topicA, config: LogConfig(), fence: .local)
    started.waitForOne()
    #expect(try store.bounds(of: partitionA).highWatermark == Offset(1))
    try await store.append(["b"], .written)
    #expect(try store.bounds(of: partitionA).highWatermark == Offset(1))
    try await store.configure(topic: topicA, config: LogConfig(durability: .os), fence: .local)
    #expect(try store.bounds(of: partitionA).highWatermark == Offset(2))
    gate.signal()
    fixture.fileSystem.letSyncsThrough()
  }

  @Test func `many durable appends share few fsyncs`() async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    try await store.create()
    let (gate, started) = fixture.fileSystem.holdSyncs()
    let before = fixture.fileSystem.counts.segmentSyncs
    let count = 200
    let acked = Mutex(0)
    for index in 0..<count {
      let request = AppendRequest(partition: partitionA, batch: try batch(["\(index)"]), durability: .durable) { _ in
        acked.withLock { $0 += 1 }
      }
      store.append([request], fence: .local)
    }
    started.waitForOne()
    gate.signal()
    fixture.fileSystem.letSyncsThrough()
    await expectSoon { acked.withLock { $0 } == count }
    #expect(fixture.fileSystem.counts.segmentSyncs - before <= 3)
    #expect(try await store.records().map(\.value) == (0..<count).map { "\($0)" })
  }

  @Test func `a partition that always has something to flush lets another one in between`() async throws {
    var options = LocalLogStore.Options.alone
    options.flusherThreads = 1
    let fixture = try LocalFixture(options: options)
    let other = PartitionID(topic: topicA, index: 1)
    try await fixture.store.create()
    try await fixture.store.create(other)
    let (gate, started) = fixture.fileSystem.holdSyncs()
    let acked = Mutex<[String]>([])
    func append(_ value: String, to partition: PartitionID) throws {
      let request = AppendRequest(partition: partition, batch: try batch([value]), durability: .durable) { outcome in
        if case .appended = outcome { acked.withLock { $0.append(value) } }
      }
      fixture.store.append([request], fence: .local)
    }
    try append("first", to: partitionA)
    started.waitForOne()
    try append("second", to: partitionA)
    try append("between", to: other)
    for _ in 0..<2 {
      gate.signal()
      started.waitForOne()
    }
    #expect(acked.withLock { $0 } == ["first", "between"])
    gate.signal()
    await expectSoon { acked.withLock { $0 } == ["first", "between", "second"] }
    fixture.fileSystem.letSyncsThrough()
  }

  @Test func `one call writes each partition once`() async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    let other = PartitionID(topic: topicA, index: 1)
    let config = LogConfig(durability: .os)
    try await store.create(config: config)
    try await store.create(other, config: config)
    var requests: [AppendRequest] = []
    let done = Mutex<[[AppendOutcome]]>([])
    for index in 0..<40 {
      let parts = [
        AppendPart(partition: partitionA, batch: try batch(["\(index)"])),
        AppendPart(partition: other, batch: try batch(["\(index)", "x"])),
      ]
      requests += AppendRequest.together(parts, durability: .written) { outcomes in
        done.withLock { $0.append(outcomes) }
      }
    }
    store.append(requests, fence: .local)
    #expect(fixture.fileSystem.counts.segmentWrites == 2)
    let outcomes = done.withLock { $0 }
    for (index, pair) in outcomes.enumerated() {
      let bases = pair.map { outcome -> Int64 in
        guard case .appended(let batch) = outcome else { return -1 }
        return batch.baseOffset.rawValue
      }
      #expect(bases == [Int64(index), Int64(2 * index)])
    }
    #expect(outcomes.count == 40)
  }

  @Test func `more buffers than one system call takes are written all the same`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    let batches = try (0..<1500).map { try batch(["\($0)"]) }
    let outcomes = await fixture.store.append(batches)
    #expect(outcomes.count == 1500)
    #expect(try await fixture.store.records().map(\.value) == (0..<1500).map { "\($0)" })
  }

  @Test func `a failed fsync is final and its appends are neither acked nor shown`() async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    try await store.create()
    try await store.append(["a"])
    let told = Mutex(false)
    #expect(store.awaitAdvance(of: partitionA, past: Offset(1)) { told.withLock { $0 = true } } != nil)
    fixture.fileSystem.failSyncs(EIO)
    guard case .unknown(let error) = await store.append([try batch(["b"])])[0] else {
      Issue.record("acked without being on disk")
      return
    }
    #expect(error.kind == .failed && error.message.contains("EIO"))
    fixture.fileSystem.failSyncs(nil)
    await expectSoon { told.withLock { $0 } }
    guard case .refused(let refusal) = await store.append([try batch(["c"])])[0] else {
      Issue.record("a failed partition took a batch")
      return
    }
    #expect(refusal.kind == .failed)
    #expect(try await store.records().map(\.value) == ["a"])
    #expect(try store.bounds(of: partitionA).highWatermark == Offset(1))
    #expect(try await store.describe(partitionA).fault?.kind == .failed)
    #expect(await kind { try await store.result(from: 1) } == .failed)
  }

  @Test(arguments: [0, 50, 118, 200]) func `a full disk refuses the batch and the partition goes on after it`(
    _ count: Int
  ) async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    try await store.create()
    try await store.append(["a"])
    let size = try fixture.directory.files(".log").map { try TestDirectory.read($0).readableBytes }
    fixture.fileSystem.failWrites(.stop(after: count, code: ENOSPC))
    guard case .refused(let error) = await store.append([try batch([String(repeating: "x", count: 100)])])[0] else {
      Issue.record("a full disk took a batch")
      return
    }
    #expect(error.kind == .full)
    #expect(try fixture.directory.files(".log").map { try TestDirectory.read($0).readableBytes } == size)
    fixture.fileSystem.failWrites(nil)
    #expect(try await store.append(["b"]) == 1)
    #expect(try await store.records().map(\.value) == ["a", "b"])
  }

  @Test func `of a gathered write that is cut short the whole batches count`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    let one = try batch(["0"])
    fixture.fileSystem.failWrites(.stop(after: 2 * one.byteCount + 30, code: ENOSPC))
    let outcomes = await fixture.store.append([one, try batch(["1"]), try batch(["2"]), try batch(["3"])])
    let kinds = outcomes.map { outcome in
      switch outcome {
      case .appended(let batch): "\(batch.baseOffset)"
      case .refused(let error): "\(error.kind)"
      default: "?"
      }
    }
    #expect(kinds == ["0", "1", "full", "full"])
    fixture.fileSystem.failWrites(nil)
    try await fixture.store.append(["next"])
    #expect(try await fixture.store.records().map(\.value) == ["0", "1", "next"])
  }

  @Test func `a write that can be neither finished nor undone makes the partition read-only`() async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    try await store.create()
    try await store.append(["a"])
    fixture.fileSystem.failWrites(.stop(after: 20, code: EIO))
    fixture.fileSystem.failTruncates(EIO)
    guard case .refused = await store.append([try batch(["b"])])[0] else {
      Issue.record("a failed write was acked")
      return
    }
    fixture.fileSystem.failWrites(nil)
    fixture.fileSystem.failTruncates(nil)
    guard case .refused(let error) = await store.append([try batch(["c"])])[0] else {
      Issue.record("a failed partition took a batch")
      return
    }
    #expect(error.kind == .failed)
    let reopened = try fixture.afterKill()
    try await reopened.store.create()
    #expect(try await reopened.store.records().map(\.value) == ["a"])
    #expect(try await reopened.store.append(["d"]) == 1)
  }

  @Test func `the broker's fields of a stored batch tell epoch, time and durable end`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    try await fixture.store.append(["a", "b"])
    try await fixture.store.append(["c"])
    let found = try headers(try await fixture.store.result(from: 0))
    #expect(found.map(\.durableEnd) == [.zero, Offset(2)])
    #expect(found.map(\.partitionEpoch) == [0, 0])
    #expect(found.map(\.appendTimestampMs) == [fixture.clock.nowMs(), fixture.clock.nowMs()])
  }
}
