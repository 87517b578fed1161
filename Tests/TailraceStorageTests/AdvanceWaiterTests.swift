import Dispatch
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// Who waits for so many bytes in a local store, and when they are told.
@Suite struct AdvanceWaiterTests {
  /// Waiters by number, in the order in which they were told.
  private final class Told: Sendable {
    private let numbers = Mutex<[Int]>([])

    var all: [Int] { numbers.withLock { $0 } }

    func add(_ number: Int) { numbers.withLock { $0.append(number) } }
  }

  /// On an `os` topic all that is appended is readable, and told of, when `append` returns.
  private func fixture(segmentBytes: Int = 1 << 20) async throws -> LocalFixture {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(durability: .os, segmentBytes: segmentBytes))
    return fixture
  }

  private func end(_ store: LocalLogStore) throws -> Offset { try store.bounds(of: partitionA).highWatermark }

  @Test func `a waiter is told when there are as many bytes as it waits for, once, and not before`() async throws {
    let fixture = try await fixture()
    let store = fixture.store
    let one = try batch(["0123456789"]).byteCount
    let told = Told()
    for (number, bytes) in [3 * one, 3 * one + 1, 1, 0, -5].enumerated() {
      #expect(store.awaitAdvance(of: partitionA, past: try end(store), bytes: bytes) { told.add(number) } != nil)
    }
    try await store.append(["0123456789"], .written)
    #expect(told.all == [2, 3, 4])
    try await store.append(["0123456789"], .written)
    #expect(told.all == [2, 3, 4])
    try await store.append(["0123456789"], .written)
    #expect(told.all == [2, 3, 4, 0])
    try await store.append(["0123456789"], .written)
    #expect(told.all == [2, 3, 4, 0, 1])
    try await store.append(["0123456789"], .written)
    #expect(told.all.count == 5)
  }

  @Test func `bytes count from where the waiter came`() async throws {
    let fixture = try await fixture()
    let store = fixture.store
    let one = try batch(["0123456789"]).byteCount
    let told = Told()
    for number in 0..<4 {
      #expect(store.awaitAdvance(of: partitionA, past: try end(store), bytes: 2 * one) { told.add(number) } != nil)
      try await store.append(["0123456789"], .written)
    }
    #expect(told.all == [0, 1, 2])
  }

  @Test func `what is there already is not waited for`() async throws {
    let fixture = try await fixture()
    let store = fixture.store
    try await store.append(["a"], .written)
    #expect(store.awaitAdvance(of: partitionA, past: .zero, bytes: .max) {} == nil)
  }

  @Test func `when the one who waits for least is taken back, the others are still told`() async throws {
    let fixture = try await fixture()
    let store = fixture.store
    let one = try batch(["0123456789"]).byteCount
    let told = Told()
    let least = try #require(store.awaitAdvance(of: partitionA, past: .zero, bytes: 1) { told.add(0) })
    #expect(store.awaitAdvance(of: partitionA, past: .zero, bytes: 2 * one) { told.add(1) } != nil)
    store.cancel(least)
    try await store.append(["0123456789"], .written)
    #expect(told.all.isEmpty)
    try await store.append(["0123456789"], .written)
    #expect(told.all == [1])
    // Nor is anybody who comes after a time without waiters.
    try await store.append(["0123456789"], .written)
    #expect(store.awaitAdvance(of: partitionA, past: Offset(3), bytes: one) { told.add(2) } != nil)
    try await store.append(["0123456789"], .written)
    #expect(told.all == [1, 2])
  }

  @Test func `a new segment has everybody look anew who waited in the one before`() async throws {
    let fixture = try await fixture(segmentBytes: 400)
    let store = fixture.store
    let told = Told()
    try await store.append([String(repeating: "a", count: 150)], .written)
    #expect(store.awaitAdvance(of: partitionA, past: Offset(1), bytes: .max) { told.add(0) } != nil)
    // Not this one: it waits for an offset that comes later.
    #expect(store.awaitAdvance(of: partitionA, past: Offset(2), bytes: .max) { told.add(1) } != nil)
    try await store.append([String(repeating: "b", count: 150)], .written)
    #expect(told.all == [0])
    #expect(store.awaitAdvance(of: partitionA, past: Offset(2), bytes: .max) { told.add(2) } != nil)
    try await store.append(["c"], .written)
    // It came in the new segment, and waits there.
    #expect(told.all == [0, 1])
    try await store.append([String(repeating: "d", count: 150)], .written)
    #expect(told.all == [0, 1, 2])
  }

  @Test func `a waiter that came before a segment was begun without news is told too`() async throws {
    let fixture = try await fixture(segmentBytes: 400)
    let store = fixture.store
    let told = Told()
    for _ in 0..<5 { try await store.append([String(repeating: "a", count: 150)], .written) }
    #expect(store.awaitAdvance(of: partitionA, past: Offset(5), bytes: 100) { told.add(0) } != nil)
    try await store.append([String(repeating: "b", count: 150)], .written)
    #expect(told.all == [0])
  }

  @Test func `a dropped topic and a closed store tell everybody, however much they wait for`() async throws {
    let fixture = try await fixture()
    let other = PartitionID(topic: topicB, index: 0)
    try await fixture.store.create(other, config: LogConfig(durability: .os))
    let told = Told()
    #expect(fixture.store.awaitAdvance(of: partitionA, past: .zero, bytes: .max) { told.add(0) } != nil)
    #expect(fixture.store.awaitAdvance(of: other, past: Offset(7), bytes: .max) { told.add(1) } != nil)
    try await fixture.store.drop(topic: topicA, fence: .local)
    #expect(told.all == [0])
    #expect(fixture.store.awaitAdvance(of: partitionA, past: .zero, bytes: 1) {} == nil)
    try await fixture.store.close()
    #expect(told.all == [0, 1])
    #expect(fixture.store.awaitAdvance(of: other, past: .zero, bytes: 1) {} == nil)
  }

  @Test func `on a durable topic bytes count when they are on disk`() async throws {
    let fixture = try LocalFixture()
    let store = fixture.store
    try await store.create()
    let one = try batch(["0123456789"]).byteCount
    let told = Told()
    let (gate, started) = fixture.fileSystem.holdSyncs()
    #expect(store.awaitAdvance(of: partitionA, past: .zero, bytes: 2 * one) { told.add(0) } != nil)
    #expect(store.awaitAdvance(of: partitionA, past: .zero, bytes: 3 * one) { told.add(1) } != nil)
    try await store.append(["0123456789"], .written)
    started.waitForOne()
    for _ in 0..<2 { try await store.append(["0123456789"], .written) }
    #expect(told.all.isEmpty)
    gate.signal()
    started.waitForOne()
    // The first batch alone.
    #expect(try end(store) == Offset(1))
    #expect(told.all.isEmpty)
    gate.signal()
    await expectSoon { told.all == [0, 1] }
    fixture.fileSystem.letSyncsThrough()
  }

  @Test(arguments: [1 << 20, 2_000]) func `whoever comes and goes, all are told in time`(segmentBytes: Int) async throws
  {
    struct Waiter {
      var past: Int64
      /// Position in the whole log that it waits for, and the segment it came in.
      var goal: Int
      var segment: Int
      var isTold = Atomic0()
      var handle: AdvanceWaiter
    }
    final class Atomic0: Sendable {
      let count = Mutex(0)
    }
    var random = SeededGenerator(for: "AdvanceWaiterTests")
    let fixture = try await fixture(segmentBytes: segmentBytes)
    let store = fixture.store
    var waiters: [Waiter] = []
    var (offset, position, segment) = (Int64(0), 0, 0)
    for step in 0..<600 {
      switch random.below(5) {
      case 0 where !waiters.isEmpty:
        let gone = waiters.remove(at: random.below(waiters.count))
        store.cancel(gone.handle)
        #expect(gone.isTold.count.withLock { $0 } == 0)
      case 0...2:
        let (past, bytes) = (offset + Int64(random.below(3)), random.below(1_500))
        let flag = Atomic0()
        let handle = store.awaitAdvance(of: partitionA, past: Offset(past), bytes: bytes) {
          flag.count.withLock { $0 += 1 }
        }
        waiters.append(
          Waiter(
            past: past, goal: position + max(1, bytes), segment: segment, isTold: flag, handle: try #require(handle)))
      default:
        let one = try batch([String(repeating: "x", count: random.below(300))])
        _ = await store.append([one], .written)
        let log = try store.log(of: partitionA).get()
        let count = log.state.withLock { $0.segments.count }
        (offset, position) = (offset + 1, position + one.byteCount)
        if count > 1 + segment { segment = count - 1 }
        let (due, waiting) = waiters.reduce(into: ([Waiter](), [Waiter]())) { parts, waiter in
          let isDue = waiter.past < offset && (waiter.goal <= position || waiter.segment != segment)
          if isDue { parts.0.append(waiter) } else { parts.1.append(waiter) }
        }
        waiters = waiting
        let isRight =
          due.allSatisfy { $0.isTold.count.withLock { $0 } == 1 }
          && waiting.allSatisfy { $0.isTold.count.withLock { $0 } == 0 }
        if !isRight {
          Issue.record("seed \(random.seed), step \(step)")
          return
        }
      }
    }
    #expect(segmentBytes > 2_000 || segment > 10)
  }
}
