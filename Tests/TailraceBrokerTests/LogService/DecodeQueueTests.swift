import NIOCore
@testable import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Large fetches with `decode`.
@Suite struct DecodeQueueTests {
  /// A connection that many jobs come from, another one, and a queue whose first job is under way and held.
  private func withBusyQueue(
    _ body: (DecodeQueue, Fixture, _ busy: FakeCallConnection, _ other: FakeCallConnection) async throws -> Void
  ) async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let other = FakeCallConnection(to: broker.broker.dispatcher)
      let queue = DecodeQueue(store: broker.store, maxRunning: 1)
      broker.store.holdReads()
      queue.add(try job(0, of: broker.connection, broker))
      while broker.store.seen.heldReads.isEmpty { await Task.yield() }
      try await body(queue, broker, broker.connection, other)
      await other.close()
    }
  }

  /// A fetch that is told from others by its offset, which is its call's number too.
  private func job(_ offset: Int64, of connection: FakeCallConnection, _ broker: Fixture) throws -> DecodeQueue.Job {
    let request = FetchRequest(targets: [FetchTarget(topic: "orders", offset: offset)], decode: true)
    let plan = try FetchPlan(request, topics: broker.broker.registry.table, door: .native)
    return DecodeQueue.Job(plan: plan, call: CallID(rawValue: UInt64(offset)), connection: connection)
  }

  @Test func `connections take turns, whatever one of them has queued`() async throws {
    try await withBusyQueue { queue, broker, busy, other in
      for offset in [1, 2, 3] as [Int64] { queue.add(try job(offset, of: busy, broker)) }
      queue.add(try job(10, of: other, broker))
      #expect(queue.count == 4)
      #expect(broker.store.seen.byteReads.map(\.rawValue) == [0])
      broker.store.releaseReads()
      while busy.answers(to: CallID(rawValue: 3)).isEmpty { await Task.yield() }
      #expect(broker.store.seen.byteReads.map(\.rawValue) == [0, 1, 10, 2, 3])
      #expect(other.answers(to: CallID(rawValue: 10)).count == 1)
    }
  }

  @Test func `what nobody waits for any more is not read`() async throws {
    try await withBusyQueue { queue, broker, busy, other in
      for offset in [1, 2] as [Int64] { queue.add(try job(offset, of: busy, broker)) }
      for offset in [10, 11] as [Int64] { queue.add(try job(offset, of: other, broker)) }
      queue.abandon(CallID(rawValue: 1), of: busy)
      queue.abandonAll(of: other)
      #expect(queue.count == 1)
      broker.store.releaseReads()
      while busy.answers(to: CallID(rawValue: 2)).isEmpty { await Task.yield() }
      #expect(broker.store.seen.byteReads.map(\.rawValue) == [0, 2])
    }
  }
}
