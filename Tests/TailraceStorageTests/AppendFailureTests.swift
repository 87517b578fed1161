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
  /// Appends one request per batch in one call; the outcomes as they come, nil for those still missing.
  private func start(_ batches: [ValidatedBatch], _ store: LocalLogStore) -> Answers {
    let answers = Answers(batches.count)
    let requests = batches.enumerated().map { index, batch in
      AppendRequest(parts: [AppendPart(partition: partitionA, batch: batch)], durability: .durable) { outcomes in
        answers.set(index, outcomes[0])
      }
    }
    store.append(requests, fence: .local)
    return answers
  }

  @Test func `a batch before the one whose write failed for good is answered`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    let one = try batch(["0"])
    fixture.fileSystem.failWrites(.stop(after: one.byteCount + 30, code: EIO))
    fixture.fileSystem.failTruncates(EIO)
    let answers = start([one, try batch(["1"]), try batch(["2"])], fixture.store)
    await expectSoon { answers.kinds == ["unknown failed", "refused inputOutput", "refused inputOutput"] }
    #expect(try await fixture.store.describe(partitionA).fault?.kind == .failed)
  }

  @Test func `appends and readers that waited before a write failed for good are let go`() async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    try await store.create()
    let (gate, started) = fixture.fileSystem.holdSyncs()
    let first = start([try batch(["a"])], store)
    started.waitForOne()
    let second = start([try batch(["b"])], store)
    let told = Mutex(false)
    #expect(store.awaitAdvance(of: partitionA, past: .zero) { told.withLock { $0 = true } } != nil)
    fixture.fileSystem.failWrites(.stop(after: 20, code: EIO))
    fixture.fileSystem.failTruncates(EIO)
    let third = start([try batch(["c"])], store)
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
    let answers = start(try (0..<5).map { try batch(["\($0)"]) }, fixture.store)
    await expectSoon {
      answers.kinds == ["unknown failed", "refused inputOutput"] + Array(repeating: "refused failed", count: 3)
    }
    #expect(fixture.fileSystem.counts.segmentWrites == 1)
    #expect(try fixture.directory.files(".log").count == 1)
  }
}

/// Outcomes as they arrive, each at most once.
private final class Answers: Sendable {
  private let outcomes: Mutex<[AppendOutcome?]>

  init(_ count: Int) { outcomes = Mutex(Array(repeating: nil, count: count)) }

  func set(_ index: Int, _ outcome: AppendOutcome) {
    outcomes.withLock {
      #expect($0[index] == nil)
      $0[index] = outcome
    }
  }

  var kinds: [String] {
    outcomes.withLock { $0 }.map { outcome in
      switch outcome {
      case .appended(let batch), .duplicate(let batch): "appended \(batch.baseOffset)"
      case .refused(let error): "refused \(error.kind)"
      case .unknown(let error): "unknown \(error.kind)"
      case nil: "missing"
      }
    }
  }
}
