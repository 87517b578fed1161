import NIOCore
import TailraceWire
import Testing

@testable import TailraceClient

@Suite struct FetchSessionTests {
  private func session(_ partitions: Range<UInt32>, maxWaitMs: UInt32 = 500) -> FetchSession {
    var session = FetchSession(FetchSession.Settings(maxWaitMs: maxWaitMs))
    for partition in partitions { session.add(cursor(partition)) }
    return session
  }

  private func cursor(_ partition: UInt32, at offset: Int64 = 0) -> PartitionCursor {
    PartitionCursor(id(partition), topicID: ByteBuffer(), offset: offset, end: nil)
  }

  private func id(_ partition: UInt32) -> TopicPartition { TopicPartition(topic: "t", partition: partition) }

  private func partitions(_ request: FetchRequest?) -> [UInt32] { request?.targets.map(\.partition) ?? [] }

  @discardableResult
  private func answer(
    _ session: inout FetchSession, _ call: UInt64, _ partitions: [FetchedPartition], nowMs: Int64 = 1_000
  ) -> FetchSession.Fetched {
    session.take(call, FetchResponse(partitions: partitions), nowMs: nowMs, fraction: 1)
  }

  @Test func `one fetch has all partitions, and the next begins with those that had nothing`() throws {
    var session = session(0..<3)
    #expect(partitions(session.request(1, nowMs: 0)) == [0, 1, 2])
    #expect(session.dueMs == nil)
    answer(&session, 1, [try fetched(0, 0..<2), try fetched(1), try fetched(2)])
    let next = session.request(2, nowMs: 0)
    #expect(partitions(next) == [1, 2, 0])
    #expect(next?.targets.map(\.offset) == [0, 0, 2])
  }

  @Test func `partitions that are paused or full are left out, and have a fetch of their own as soon as they are not`()
  {
    var session = session(0..<3)
    session.pause(id(0), true)
    session.fill(id(1), true)
    #expect(partitions(session.request(1, nowMs: 0)) == [2])
    #expect(session.dueMs == nil)
    session.pause(id(0), false)
    #expect(session.dueMs == 0)
    #expect(partitions(session.request(2, nowMs: 0)) == [0])
    session.fill(id(1), false)
    #expect(partitions(session.request(3, nowMs: 0)) == [1])
  }

  @Test func `a partition that is paused stays so where it is read on elsewhere`() {
    var session = session(0..<1)
    session.pause(id(0), true)
    session.remove(id(0))
    session.add(cursor(0, at: 7))
    #expect(session.request(1, nowMs: 0) == nil)
    session.pause(id(0), false)
    #expect(session.request(2, nowMs: 0)?.targets.map(\.offset) == [7])
  }

  @Test func `no more than a few fetches are under way`() {
    var session = session(0..<0)
    for partition in 0..<UInt32(FetchSession.maxCalls) {
      session.add(cursor(partition))
      #expect(partitions(session.request(UInt64(partition), nowMs: 0)) == [partition])
    }
    session.add(cursor(9))
    #expect(session.dueMs == nil)
    session.fail(0, retryAtMs: 0)
    #expect(session.dueMs == 0)
  }

  @Test func `a fetch has a bounded number of partitions, and the rest has its turn`() {
    var session = session(0..<UInt32(FetchSession.maxTargets + 5))
    #expect(session.request(1, nowMs: 0)?.targets.count == FetchSession.maxTargets)
    #expect(session.request(2, nowMs: 0)?.targets.count == 5)
  }

  @Test func `an answer to what was asked before a seek counts for nothing`() throws {
    var session = session(0..<1)
    _ = session.request(1, nowMs: 0)
    session.add(cursor(0, at: 50))
    #expect(session.request(2, nowMs: 0)?.targets.map(\.offset) == [50])
    #expect(answer(&session, 1, [try fetched(0, 0..<9)]).deliveries.isEmpty)
    #expect(answer(&session, 2, [try fetched(0, 50..<51)]).deliveries.map { $0.batches.map(\.wanted) } == [[50..<51]])
  }

  @Test func `of a batch that begins before the place asked for only the rest is wanted`() throws {
    var session = session(0..<0)
    session.add(cursor(0, at: 7))
    _ = session.request(1, nowMs: 0)
    let whole = FetchedPartition(
      topic: "t", highWatermark: 10, batches: [try storedBatch(at: 0, (0..<10).map { "\($0)" })])
    #expect(answer(&session, 1, [whole]).deliveries.map { $0.batches.map(\.wanted) } == [[7..<10]])
  }

  @Test func `the epoch of the last batch goes with the next fetch`() throws {
    var session = session(0..<1)
    #expect(session.request(1, nowMs: 0)?.targets.map(\.lastEpoch) == [nil])
    answer(&session, 1, [try fetched(0, 0..<1, epoch: 6)])
    #expect(session.request(2, nowMs: 0)?.targets.map(\.lastEpoch) == [6])
  }

  @Test func `a broker that has nothing and does not wait is not asked again at once`() throws {
    var session = session(0..<1)
    _ = session.request(1, nowMs: 100)
    answer(&session, 1, [try fetched(0)], nowMs: 101)
    #expect(session.dueMs == 100 + FetchSession.minWaitMs)
    #expect(session.request(2, nowMs: 101) == nil)
    #expect(partitions(session.request(3, nowMs: 100 + FetchSession.minWaitMs)) == [0])
    // One that has waited is.
    answer(&session, 3, [try fetched(0)], nowMs: 700)
    #expect(session.dueMs == 0)
  }

  @Test func `a partition in trouble waits longer and longer, the others do not`() throws {
    var session = session(0..<2)
    let full = PartitionError(code: .storageFull, message: "full")
    var waits: [Int64] = []
    for call in 0..<3 as Range<UInt64> {
      _ = session.request(call * 2, nowMs: 0)
      let found = answer(
        &session, call * 2, [try fetched(0, error: full), try fetched(1, Int64(call)..<Int64(call) + 1)])
      #expect(found.troubles.map(\.partition) == [id(0)])
      #expect(partitions(session.request(call * 2 + 1, nowMs: 0)) == [1])
      waits.append((session.dueMs ?? 0) - 1_000)
      session.fail(call * 2 + 1, retryAtMs: 0)
      _ = session.request(99, nowMs: 100_000)
      session.fail(99, retryAtMs: 0)
    }
    #expect(waits == [100, 200, 400])
  }

  @Test func `an end that moved is told even where there is nothing to fetch`() throws {
    var session = session(0..<1)
    _ = session.request(1, nowMs: 0)
    #expect(answer(&session, 1, [try fetched(0, end: 9)]).deliveries.map(\.highWatermark) == [9])
    _ = session.request(2, nowMs: 1_000)
    #expect(answer(&session, 2, [try fetched(0, end: 9)]).deliveries.isEmpty)
  }

  @Test func `partitions that an answer does not mention are asked again`() throws {
    var session = session(0..<2)
    _ = session.request(1, nowMs: 0)
    answer(&session, 1, [try fetched(0, 0..<1), try fetched(7, 0..<1)])
    #expect(Set(partitions(session.request(2, nowMs: 0))) == [0, 1])
  }
}
