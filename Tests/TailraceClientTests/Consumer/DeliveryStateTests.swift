import NIOCore
import Synchronization
import TailraceWire
import Testing

@testable import TailraceClient

private let first = TopicPartition("t", 0)
private let second = TopicPartition("t", 1)

@Suite struct DeliveryStateTests {
  private typealias Held = (lane: PartitionLane, batches: [FetchedBatch])

  /// Two partitions that are read from 0 on, with a batch of each of these offsets in both.
  private func state(_ offsets: Range<Int64> = 0..<0, maxBytes: Int = 1_000) throws -> DeliveryState {
    var state = DeliveryState(maxBytes: maxBytes)
    for partition in [first, second] {
      state.open(partition, at: 0, epoch: nil)
      _ = state.add(partition, try batches(offsets), highWatermark: offsets.upperBound)
    }
    return state
  }

  private func batches(_ offsets: Range<Int64>, bytes: Int = 0) throws -> [FetchedBatch] {
    try offsets.map { offset in
      let message = try storedBatch(at: offset, [String(repeating: "x", count: bytes)])
      return FetchedBatch(
        header: try RecordBatchHeader(checking: message), records: message.records, wanted: offset..<offset + 1)
    }
  }

  private func take(_ state: inout DeliveryState) -> Held? {
    guard case .lease(let lane, let batches, _) = state.take() else { return nil }
    return (lane, batches)
  }

  private func failure(_ state: inout DeliveryState) -> TailraceError? {
    guard case .failure(let error) = state.take() else { return nil }
    return error
  }

  private func isInterrupted(_ lane: PartitionLane) -> Bool { lane.isInterrupted.load(ordering: .relaxed) }

  private func delivered(_ lane: PartitionLane) -> Int64 { lane.delivered.load(ordering: .relaxed) }

  /// Everything before `offset` was handed out and is done with.
  private func process(_ held: Held?, to offset: Int64) {
    held?.lane.delivered.store(offset, ordering: .relaxed)
    held?.lane.processed.store(offset, ordering: .relaxed)
  }

  @Test func `partitions have their turn, and each is one's at a time`() throws {
    var state = try state(0..<2)
    let held = take(&state)
    #expect(held?.lane.partition == first && held?.batches.map(\.wanted) == [0..<1, 1..<2])
    #expect(take(&state)?.lane.partition == second)
    _ = state.add(first, try batches(2..<3), highWatermark: 3)
    #expect(take(&state) == nil)
    process(held, to: 2)
    state.giveBack(try #require(held).lane, try #require(held).batches)
    #expect(take(&state)?.batches.map(\.wanted) == [2..<3])
  }

  @Test func `what a lease did not hand out comes next, with the record that was at work`() throws {
    var state = try state(0..<4)
    let held = try #require(take(&state))
    process(held, to: 1)
    held.lane.delivered.store(3, ordering: .relaxed)
    state.giveBack(held.lane, held.batches)
    #expect(state.delivered[first]?.offset == 3)
    _ = take(&state)
    let next = try #require(take(&state))
    #expect(next.batches.map(\.wanted) == [1..<2, 2..<3, 3..<4])
    #expect(delivered(next.lane) == 1)
  }

  @Test func `a lease holds a bounded number of records or bytes`() throws {
    var state = DeliveryState(maxBytes: 1 << 30)
    state.open(first, at: 0, epoch: nil)
    _ = state.add(first, try batches(0..<Int64(DeliveryState.leaseRecords + 5)), highWatermark: 0)
    #expect(take(&state)?.batches.count == Int(DeliveryState.leaseRecords))
    state = DeliveryState(maxBytes: 1 << 30)
    state.open(first, at: 0, epoch: nil)
    _ = state.add(first, try batches(0..<5, bytes: DeliveryState.leaseBytes / 2), highWatermark: 0)
    #expect(take(&state)?.batches.count == 2)
  }

  @Test func `partitions share the room alike, and tell when they have room again`() throws {
    var state = try state(maxBytes: 200)
    let some = try batches(0..<20, bytes: 10)
    let isFullEarly = state.add(first, Array(some[..<2]), highWatermark: 0)
    #expect(!isFullEarly)
    let isFull = state.add(first, Array(some[2...]), highWatermark: 0)
    #expect(isFull)
    let isOtherFull = state.add(second, Array(some[..<2]), highWatermark: 0)
    #expect(!isOtherFull)
    #expect(state.takeNotices().isEmpty)
    _ = take(&state)
    #expect(state.takeNotices() == [.room(first)])
  }

  @Test func `what is revoked is dropped, and told of once nobody is at work on it`() throws {
    var state = try state(0..<3)
    let held = try #require(take(&state))
    #expect(held.lane.partition == first)
    process(held, to: 2)
    state.revoke([first, second])
    #expect(isInterrupted(held.lane))
    #expect(state.takeNotices() == [.released(second, ReadPosition(offset: 0, epoch: nil))])
    #expect(take(&state) == nil && state.assignment.isEmpty)
    state.giveBack(held.lane, held.batches)
    #expect(state.takeNotices() == [.released(first, ReadPosition(offset: 2, epoch: 0))])
    let isFull = state.add(first, try batches(3..<4), highWatermark: 4)
    #expect(!isFull)
    #expect(take(&state) == nil)
  }

  @Test func `a partition that comes back while somebody is at work on it as it was waits for him`() throws {
    var state = try state(0..<3)
    let held = try #require(take(&state))
    state.close([first])
    #expect(isInterrupted(held.lane))
    state.open(first, at: 1, epoch: nil)
    _ = state.add(first, try batches(1..<3), highWatermark: 3)
    #expect(take(&state)?.lane.partition == second)
    #expect(take(&state) == nil)
    process(held, to: 3)
    state.giveBack(held.lane, held.batches)
    let again = try #require(take(&state))
    #expect(again.batches.map(\.wanted) == [1..<2, 2..<3])
    // What he did says nothing of it.
    #expect(state.processed[first]?.offset == 1)
    // Should it be revoked meanwhile, that waits, too.
    state.close([first])
    state.open(first, at: 1, epoch: nil)
    state.revoke([first])
    #expect(state.takeNotices().isEmpty)
    state.giveBack(again.lane, again.batches)
    #expect(state.takeNotices() == [.released(first, ReadPosition(offset: 1, epoch: nil))])
  }

  @Test func `a paused partition keeps what it has`() throws {
    var state = try state(0..<3)
    let held = try #require(take(&state))
    let paused = state.pause([first, second, TopicPartition("t", 9)], true)
    #expect(paused == [first, second])
    #expect(isInterrupted(held.lane))
    process(held, to: 1)
    state.giveBack(held.lane, held.batches)
    #expect(take(&state) == nil)
    let resumed = state.pause([first], false)
    #expect(resumed == [first])
    let again = try #require(take(&state))
    #expect(again.batches.map(\.wanted) == [1..<2, 2..<3])
    #expect(!isInterrupted(again.lane))
  }

  @Test func `after a reset only what is fetched from there on counts`() throws {
    var state = try state(0..<3)
    let held = try #require(take(&state))
    let moved = state.reset(first, to: .exactly(70))
    #expect(moved == 70)
    process(held, to: 2)
    state.giveBack(held.lane, held.batches)
    #expect(state.processed[first]?.offset == 70)
    _ = state.add(first, try batches(70..<71), highWatermark: 71)
    #expect(take(&state)?.lane.partition == second)
    #expect(take(&state)?.batches.map(\.wanted) == [70..<71])
    let unmoved = state.reset(second, to: .atMost(70))
    #expect(unmoved == 0)
    let unknown = state.reset(TopicPartition("t", 9), to: .exactly(1))
    #expect(unknown == nil)
  }

  @Test func `a failure comes behind what is whole, again and again until a reset`() throws {
    var state = try state(0..<1)
    state.revoke([second])
    state.fail(first, TailraceError(.dataLoss, "damaged"))
    let held = try #require(take(&state))
    process(held, to: 1)
    state.giveBack(held.lane, held.batches)
    #expect(failure(&state)?.code == .dataLoss)
    #expect(failure(&state)?.code == .dataLoss)
    _ = state.reset(first, to: .exactly(5))
    #expect(failure(&state) == nil)
  }

  @Test func `nothing behind a damaged batch is handed out`() throws {
    var state = try state(0..<3)
    state.revoke([second])
    let held = try #require(take(&state))
    process(held, to: 1)
    state.fail(first, TailraceError(.dataLoss, "damaged"), only: held.lane)
    state.giveBack(held.lane, held.batches)
    let isFull = state.add(first, try batches(3..<4), highWatermark: 4)
    #expect(isFull)
    #expect(failure(&state)?.code == .dataLoss)
    #expect(state.processed[first]?.offset == 1)
    _ = state.reset(first, to: .exactly(3))
    _ = state.add(first, try batches(3..<4), highWatermark: 4)
    #expect(take(&state)?.batches.map(\.wanted) == [3..<4])
  }

  @Test func `at the end everybody is told, whatever is there`() throws {
    var state = try state(0..<3)
    let held = try #require(take(&state))
    state.finish(TailraceError(.cancelled, "closed"))
    state.finish(nil)
    #expect(isInterrupted(held.lane))
    #expect(failure(&state)?.code == .cancelled)
    #expect(state.lag == [first: 3, second: 3])
  }

  @Test func `what is committed counts as done with only where it was handed out since the last seek`() throws {
    var state = try state(0..<3)
    let taken = take(&state)
    let held = try #require(taken)
    held.lane.delivered.store(2, ordering: .relaxed)
    state.markProcessed([first: ReadPosition(offset: 2, epoch: nil)])
    #expect(held.lane.processed.load(ordering: .relaxed) == 2)
    // Neither back, nor to what nobody has seen.
    state.markProcessed([first: ReadPosition(offset: 1, epoch: nil)])
    state.markProcessed([first: ReadPosition(offset: 3, epoch: nil)])
    #expect(held.lane.processed.load(ordering: .relaxed) == 2)
    _ = state.reset(first, to: .exactly(0))
    state.markProcessed([first: ReadPosition(offset: 2, epoch: nil)])
    state.giveBack(held.lane, held.batches)
    #expect(state.processed[first]?.offset == 0)
  }

  @Test func `who closes has what it is at work on taken for done, but not what others are about to get`() throws {
    var state = try state(0..<2)
    let (one, other) = (take(&state), take(&state))
    let (mine, others) = (try #require(one), try #require(other))
    mine.lane.holder.store(7, ordering: .relaxed)
    // The last one to hold it was the same task; whoever has it now has not run yet.
    others.lane.holder.store(7, ordering: .relaxed)
    state.giveBack(others.lane, others.batches)
    #expect(take(&state) != nil)
    state.addCloser(7)
    state.revoke([first, second])
    let notices = state.takeNotices()
    #expect(notices == [.released(first, ReadPosition(offset: 0, epoch: 0))])
    // It comes back once more: that was told already.
    state.giveBack(mine.lane, mine.batches)
    let more = state.takeNotices()
    #expect(more.isEmpty)
  }
}

@Suite struct LaneReaderTests {
  private func batch(
    _ offset: Int64, _ values: [String], from: Int64? = nil, _ change: (inout RecordBatch) -> Void = { _ in }
  ) throws -> FetchedBatch {
    var message = try storedBatch(at: offset, values)
    let header = try RecordBatchHeader(checking: message)
    change(&message)
    return FetchedBatch(
      header: header, records: message.records, wanted: (from ?? offset)..<offset + Int64(values.count))
  }

  private func offsets(_ reader: inout LaneReader) throws(TailraceError) -> [Int64] {
    var offsets: [Int64] = []
    while let record = try reader.nextRecord() { offsets.append(record.offset) }
    return offsets
  }

  @Test func `it reads on over batches and gaps, from the place asked for`() throws {
    let batches = [
      try batch(0, ["a", "b", "c"]), try batch(7, ["d"]), try batch(20, ["e", "f", "g"], from: 21),
    ]
    var reader = LaneReader(first, batches, from: 1)
    #expect(try offsets(&reader) == [1, 2, 7, 21, 22])
    #expect(reader.position == 23)
  }

  @Test func `a damaged batch is an error, each time that it is asked for`() throws {
    let batches = [
      try batch(0, ["a"]),
      try batch(1, ["b"]) { message in
        _ = message.records.readableBytesView.last.map {
          message.records.setInteger($0 ^ 1, at: message.records.writerIndex - 1)
        }
      },
      try batch(2, ["c"]),
    ]
    var reader = LaneReader(first, batches, from: 0)
    #expect(try reader.nextRecord()?.offset == 0)
    for _ in 0..<2 {
      let error = #expect(throws: TailraceError.self) { try reader.nextRecord() }
      #expect(error?.code == .dataLoss)
    }
    #expect(reader.position == 1)
  }
}
