import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Fetches that wait.
@Suite struct FetchPurgatoryTests {
  private func answer(_ broker: Fixture, to call: CallID) throws -> [FetchedPartition]? {
    let answers = broker.connection.answers(to: call)
    #expect(answers.count <= 1)
    return try answers.first?.decoded(as: FetchResponse.self).partitions
  }

  private func expectNothingWaits(_ broker: Fixture, _ location: SourceLocation = #_sourceLocation) {
    #expect(broker.broker.purgatory.count == 0, sourceLocation: location)
    #expect(broker.store.seen.openWaiters.isEmpty, sourceLocation: location)
  }

  @Test func `a fetch waits for data, and a produce wakes it`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let call = try await broker.sendFetch()
      #expect(try answer(broker, to: call) == nil)
      #expect(broker.broker.purgatory.count == 1)
      _ = try await broker.produce([try batch(["a"])])
      #expect(try answer(broker, to: call)?.map(\.batches.count) == [1])
      expectNothingWaits(broker)
      await broker.connection.advance(byMs: 60_000)
      #expect(try answer(broker, to: call) != nil)
    }
  }

  @Test func `a produce of another connection wakes it too`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let other = FakeCallConnection(to: broker.broker.dispatcher)
      let fetch = FetchRequest(targets: [FetchTarget(topic: "orders")], maxWaitMs: 60_000)
      let call = await other.send([(.logServiceFetch, try fetch.encoded())])[0]
      _ = try await broker.produce([try batch(["a"])])
      let response = try await other.response(to: call).decoded(as: FetchResponse.self)
      #expect(response.partitions.map(\.batches.count) == [1])
      await other.close()
      expectNothingWaits(broker)
    }
  }

  @Test func `any of several partitions wakes it, all are read`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 3)
      let targets = (0..<3).map { FetchTarget(topic: "orders", partition: $0) }
      let call = try await broker.sendFetch(targets)
      #expect(broker.store.seen.openWaiters.count == 3)
      _ = try await broker.produce([try batch(["a"])], partition: 2)
      #expect(try answer(broker, to: call)?.map(\.batches.count) == [0, 0, 1])
      expectNothingWaits(broker)
    }
  }

  @Test func `it waits on while there is less than min_bytes`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      let targets = (0..<2).map { FetchTarget(topic: "orders", partition: $0) }
      let call = try await broker.sendFetch(targets, minBytes: 2_500)
      for partition in [0, 1, 0] as [UInt32] {
        #expect(try answer(broker, to: call) == nil)
        #expect(broker.store.seen.openWaiters.count == 2)
        _ = try await broker.produce([try batch(ofBytes: 900)], partition: partition)
      }
      #expect(try answer(broker, to: call)?.map(\.batches.count) == [2, 1])
      expectNothingWaits(broker)
    }
  }

  @Test func `enough data is not waited for`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      _ = try await broker.produce([try batch(ofBytes: 900)])
      let call = try await broker.sendFetch(minBytes: 900)
      #expect(try answer(broker, to: call)?.map(\.batches.count) == [1])
      expectNothingWaits(broker)
    }
  }

  @Test func `when time is up it gets what is there`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let empty = try await broker.sendFetch(maxWaitMs: 500)
      let small = try await broker.sendFetch(minBytes: 10_000, maxWaitMs: 1_000)
      _ = try await broker.produce([try batch(["a"])])
      #expect(try answer(broker, to: empty)?.map(\.batches.count) == [1])
      let later = try await broker.sendFetch([FetchTarget(topic: "orders", offset: 1)], maxWaitMs: 500)
      await broker.connection.advance(byMs: 499)
      #expect(try answer(broker, to: later) == nil)
      await broker.connection.advance(byMs: 1)
      #expect(try answer(broker, to: later)?.map(\.batches.count) == [0])
      #expect(try answer(broker, to: later)?.map(\.highWatermark) == [1])
      #expect(try answer(broker, to: small) == nil)
      await broker.connection.advance(byMs: 500)
      #expect(try answer(broker, to: small)?.map(\.batches.count) == [1])
      expectNothingWaits(broker)
    }
  }

  @Test func `each that waits is answered when its own time is up, in whatever order they came`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      var waiting: [Int64: CallID] = [:]
      for wait in [500, 2_000, 100, 1_000, 60_000, 50] as [Int64] {
        waiting[wait] = try await broker.sendFetch(maxWaitMs: UInt32(wait))
      }
      var now: Int64 = 0
      for wait in waiting.keys.sorted() {
        let call = try #require(waiting[wait])
        await broker.connection.advance(byMs: wait - now - 1)
        #expect(broker.connection.answers(to: call).isEmpty, "\(wait) ms")
        await broker.connection.advance(byMs: 1)
        #expect(broker.connection.answers(to: call).count == 1, "\(wait) ms")
        now = wait
      }
      expectNothingWaits(broker)
      // Those that come behind one that was answered before its time.
      let early = try await broker.sendFetch(maxWaitMs: 1_000)
      _ = try await broker.produce([try batch(["a"])])
      #expect(broker.connection.answers(to: early).count == 1)
      await broker.connection.advance(byMs: 400)
      let later = try await broker.sendFetch([FetchTarget(topic: "orders", offset: 1)], maxWaitMs: 1_000)
      await broker.connection.advance(byMs: 999)
      #expect(broker.connection.answers(to: later).isEmpty)
      await broker.connection.advance(byMs: 1)
      #expect(broker.connection.answers(to: later).count == 1)
      expectNothingWaits(broker)
    }
  }

  @Test func `what an append wakes is answered in its turn as far as there is place, in order, and else soon after`()
    async throws
  {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      let consumer = FakeCallConnection(to: broker.broker.dispatcher)
      func fetch(offset: Int64 = 0, partition: UInt32 = 0, minBytes: UInt32 = 1) throws -> ByteBuffer {
        let target = FetchTarget(topic: "orders", partition: partition, offset: offset)
        return try FetchRequest(targets: [target], minBytes: minBytes, maxWaitMs: 60_000).encoded()
      }
      let calls = await consumer.send(
        try [fetch(), fetch(minBytes: 2_500), fetch(), fetch(), fetch(partition: 1)].map { (.logServiceFetch, $0) })
      await consumer.abandon(calls[2])
      consumer.placesInTurn = 2
      let reads = broker.store.seen.chunkReadCount
      /// Answers that are there by then; the consumer's loop may have given some of them.
      func produce(_ bytes: Int) async throws -> [CallID] {
        _ = try await broker.produce([try batch(ofBytes: bytes)])
        return consumer.answeredCalls
      }
      // The second one takes a place, too, and waits on.
      #expect(try await produce(900).first == calls[0])
      #expect(consumer.placesInTurn == 0)
      await consumer.advance(byMs: 0)
      #expect(consumer.answeredCalls == [calls[0], calls[3]])
      consumer.placesInTurn = 100
      #expect(try await produce(900) == [calls[0], calls[3]])
      #expect(try await produce(900) == [calls[0], calls[3], calls[1]])
      let response = try await consumer.response(to: calls[1]).decoded(as: FetchResponse.self)
      #expect(response.partitions.map(\.batches.count) == [3])
      #expect(broker.store.seen.chunkReadCount == reads, "none was read in full")
      #expect(broker.broker.purgatory.count == 1)
      #expect(broker.broker.purgatory.connectionCount == 1)
      await consumer.close()
      #expect(broker.broker.purgatory.connectionCount == 0)
      expectNothingWaits(broker)
    }
  }

  @Test func `errors are answered at once, whatever max_wait_ms says`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      let targets = [
        FetchTarget(topic: "unknown"), FetchTarget(topic: "orders", partition: 2),
        FetchTarget(topic: "orders", partition: 1, offset: 1), FetchTarget(topic: "orders", partition: 1, offset: -1),
      ]
      for target in targets {
        let call = try await broker.sendFetch([FetchTarget(topic: "orders"), target], maxWaitMs: 60_000)
        #expect(try answer(broker, to: call)?.map { $0.error == nil } == [true, false])
      }
      expectNothingWaits(broker)
    }
  }

  @Test func `a topic that is deleted meanwhile is an error`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let call = try await broker.sendFetch()
      _ = try await broker.call(
        .adminServiceDeleteTopic, DeleteTopicRequest(name: "orders"), as: DeleteTopicResponse.self)
      let response = try await broker.connection.response(to: call).decoded(as: FetchResponse.self)
      #expect(response.partitions.map { $0.error?.code } == [.unknownPartition])
      expectNothingWaits(broker)
    }
  }

  @Test func `a partition that takes no more appends keeps nobody busy, and the others still wake its fetches`()
    async throws
  {
    try await withFixture { broker in
      let topic = try #require(TopicID(try await broker.createTopic(partitions: 2).topicID))
      broker.store.makeReadOnly([PartitionID(topic: topic, index: 0)])
      let targets = (0..<2).map { FetchTarget(topic: "orders", partition: $0) }
      let call = try await broker.sendFetch(targets, maxWaitMs: 1_000)
      let alone = try await broker.sendFetch(maxWaitMs: 1_000)
      for _ in 0..<20 { await broker.connection.advance(byMs: 1) }
      // Each was read when it came, and once more to learn that nothing will come.
      #expect(broker.store.seen.chunkReadCount == 2 && broker.store.seen.atOnceReadCount == 2)
      #expect(try answer(broker, to: call) == nil)
      _ = try await broker.produce([try batch(["a"])], partition: 1)
      await broker.connection.advance(byMs: 1)
      #expect(try answer(broker, to: call)?.map(\.batches.count) == [0, 1])
      #expect(try answer(broker, to: alone) == nil)
      await broker.connection.advance(byMs: 1_000)
      #expect(try answer(broker, to: alone)?.map(\.batches.count) == [0])
      expectNothingWaits(broker)
    }
  }

  @Test func `only so many partitions are waited for, by one connection and in all`() async throws {
    var limits = FetchPurgatory.Limits()
    limits.targetsPerConnection = 3
    limits.targetsInTotal = 4
    try await withFixture(fetchLimits: limits) { broker in
      try await broker.createTopic(partitions: 2)
      let targets = (0..<2).map { FetchTarget(topic: "orders", partition: $0) }
      let first = try await broker.sendFetch(targets)
      let refused = broker.connection.answers(to: try await broker.sendFetch(targets)).first?.failure
      #expect(refused?.code == .resourceExhausted)
      #expect(refused?.error == .limitReached)
      #expect(
        refused?.message == "fetches of this connection would wait for 4 partitions; at most 3 and 4 in all may")
      _ = try await broker.sendFetch()
      let other = FakeCallConnection(to: broker.broker.dispatcher)
      let fetch = try FetchRequest(targets: targets, maxWaitMs: 60_000).encoded()
      let second = await other.send([(.logServiceFetch, fetch)])
      #expect(other.answers(to: second[0]).first?.failure?.error == .limitReached)
      await broker.connection.advance(byMs: 10_000)
      #expect(try answer(broker, to: first) != nil)
      let third = await other.send([(.logServiceFetch, fetch)])
      #expect(other.answers(to: third[0]).isEmpty)
      await other.close()
      expectNothingWaits(broker)
    }
  }

  @Test func `only so many wait, of one connection and in all`() async throws {
    var limits = FetchPurgatory.Limits()
    limits.perConnection = 2
    limits.total = 3
    try await withFixture(fetchLimits: limits) { broker in
      try await broker.createTopic()
      let first = try await broker.sendFetch()
      _ = try await broker.sendFetch()
      let refused = broker.connection.answers(to: try await broker.sendFetch()).first?.failure
      #expect(refused?.code == .resourceExhausted)
      #expect(refused?.error == .limitReached)
      #expect(
        refused?.message == "2 fetches of this connection wait for data, 2 in all; at most 2 and 3 may")

      let other = FakeCallConnection(to: broker.broker.dispatcher)
      let fetch = try FetchRequest(targets: [FetchTarget(topic: "orders")], maxWaitMs: 60_000).encoded()
      let calls = await other.send([(.logServiceFetch, fetch), (.logServiceFetch, fetch)])
      #expect(other.answers(to: calls[0]).isEmpty)
      #expect(other.answers(to: calls[1]).first?.failure?.code == .resourceExhausted)

      // What is given up makes room.
      await broker.connection.abandon(first)
      let next = await other.send([(.logServiceFetch, fetch)])[0]
      #expect(other.answers(to: next).isEmpty)
      #expect(broker.broker.purgatory.count == 3)
      await other.close()
      #expect(broker.broker.purgatory.count == 1)
    }
  }

  @Test func `an abandoned fetch leaves nothing behind, and is not answered`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      let call = try await broker.sendFetch((0..<2).map { FetchTarget(topic: "orders", partition: $0) })
      let other = try await broker.sendFetch()
      await broker.connection.abandon(call)
      #expect(broker.broker.purgatory.count == 1)
      #expect(broker.store.seen.openWaiters.count == 1)
      _ = try await broker.produce([try batch(["a"])])
      await broker.connection.advance(byMs: 60_000)
      #expect(broker.connection.answers(to: call).isEmpty)
      #expect(try answer(broker, to: other) != nil)
      // Not parked any more, and never there.
      await broker.connection.abandon(other)
      await broker.connection.abandon(CallID(rawValue: 999))
      expectNothingWaits(broker)
    }
  }

  @Test func `a closed connection leaves nothing behind`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      let other = FakeCallConnection(to: broker.broker.dispatcher)
      let fetch = FetchRequest(
        targets: (0..<2).map { FetchTarget(topic: "orders", partition: $0) }, maxWaitMs: 60_000)
      let calls = await other.send(
        try (0..<10).map { _ in (.logServiceFetch, try fetch.encoded()) })
      let own = try await broker.sendFetch()
      #expect(broker.broker.purgatory.count == 11)
      await other.close()
      #expect(broker.broker.purgatory.count == 1)
      _ = try await broker.produce([try batch(["a"])])
      #expect(calls.allSatisfy { other.answers(to: $0).isEmpty })
      #expect(try answer(broker, to: own) != nil)
      expectNothingWaits(broker)
    }
  }

  @Test func `a broker that stops answers all that wait with what there is, and lets none wait any more`() async throws
  {
    try await withFixture { broker in
      try await broker.createTopic()
      let calls = [try await broker.sendFetch(), try await broker.sendFetch(minBytes: 10_000)]
      broker.broker.drain()
      await broker.connection.advance(byMs: 0)
      for call in calls { #expect(try answer(broker, to: call)?.map(\.highWatermark) == [0]) }
      let late = try await broker.sendFetch()
      #expect(try answer(broker, to: late)?.map(\.highWatermark) == [0])
      await broker.connection.advance(byMs: 60_000)
      #expect(calls.allSatisfy { broker.connection.answers(to: $0).count == 1 })
      expectNothingWaits(broker)
    }
  }
}
