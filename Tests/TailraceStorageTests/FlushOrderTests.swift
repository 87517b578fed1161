import Dispatch
import NIOCore
import Synchronization
@testable import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// How one flush follows another.
@Suite struct FlushOrderTests {
  /// Hands a durable append over; true once it was acknowledged.
  private func send(_ value: String, to partition: PartitionID = partitionA, _ store: LocalLogStore) throws -> Flag {
    let isDone = Flag()
    let request = AppendRequest(partition: partition, batch: try batch([value]), durability: .durable) { outcome in
      if case .appended = outcome { isDone.set() }
    }
    store.append([request], fence: .local)
    return isDone
  }

  private final class Flag: Sendable {
    private let value = Mutex(false)
    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
  }

  @Test func `a partition that always has something to flush lets another one in between`() async throws {
    var options = LocalLogStore.Options.alone
    options.flusherThreads = 1
    let fixture = try LocalFixture(options: options)
    let other = PartitionID(topic: topicA, index: 1)
    try await fixture.store.create()
    try await fixture.store.create(other)
    let (gate, started) = fixture.fileSystem.holdSyncs()
    let first = try send("first", to: partitionA, fixture.store)
    started.waitForOne()
    let second = try send("second", to: partitionA, fixture.store)
    let between = try send("between", to: other, fixture.store)
    gate.signal()
    started.waitForOne()
    gate.signal()
    await expectSoon { between.isSet }
    #expect(first.isSet && !second.isSet)
    fixture.fileSystem.letSyncsThrough()
    await expectSoon { second.isSet }
  }

  @Test func `what is appended during a flush is flushed without being asked for again`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    let (gate, started) = fixture.fileSystem.holdSyncs()
    let first = try send("first", to: partitionA, fixture.store)
    started.waitForOne()
    let second = try send("second", to: partitionA, fixture.store)
    gate.signal()
    await expectSoon { first.isSet }
    started.waitForOne()
    #expect(!second.isSet)
    gate.signal()
    await expectSoon { second.isSet }
    fixture.fileSystem.letSyncsThrough()
  }
}
