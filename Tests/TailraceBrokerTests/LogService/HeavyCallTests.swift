import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceTestSupport
import TailraceWire
import Testing

/// Calls that run off the event loop, between others that do not.
@Suite struct HeavyCallTests {
  private func produce(_ batch: RecordBatch) throws -> ByteBuffer {
    try ProduceRequest(targets: [ProduceTarget(topic: "orders", partition: 0, batches: [batch])]).encoded()
  }

  /// A produce of one value, which is heavy or light for another reason each time.
  private func produce(_ value: String, _ random: inout SeededGenerator) throws -> ByteBuffer {
    switch random.below(6) {
    case 0: return try produce(try batch([value], compression: .zstd))
    // Long enough to be heavy, and compressible.
    case 1: return try produce(try batch([value] + [String](repeating: "", count: 9_000)))
    case 2:
      let others = (0..<300).map { _ in record("", partition: 1) }
      let target = ProduceTarget(topic: "orders", records: [record(value, partition: 0)] + others)
      return try ProduceRequest(targets: [target]).encoded()
    case 3:
      let batches = [try batch([value]), try batch(ofBytes: 600_000), try batch(ofBytes: 600_000)]
      let target = ProduceTarget(topic: "orders", partition: 0, batches: batches)
      return try ProduceRequest(targets: [target]).encoded()
    default: return try produce(try batch([value]))
    }
  }

  @Test func `appends keep their order, whichever of them are heavy`() async throws {
    var random = SeededGenerator(for: "HeavyCallTests")
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      var messages: [(method: RPCMethod, message: ByteBuffer)] = []
      for index in 0..<60 { messages.append((.logServiceProduce, try produce("value \(index)", &random))) }
      var calls: [CallID] = []
      while !messages.isEmpty {
        let some = messages.prefix(1 + random.below(5))
        messages.removeFirst(some.count)
        calls += await broker.connection.send(Array(some))
      }
      while broker.connection.queuedCalls > 0 {
        await broker.connection.offer()
        await Task.yield()
      }
      var offsets: [Int64] = []
      for call in calls {
        let result = try await broker.connection.response(to: call).decoded(as: ProduceResponse.self).results[0]
        #expect(result.error == nil && result.batches.allSatisfy { $0.error == nil })
        offsets.append(result.batches.first?.baseOffset ?? result.records[0].offset)
        #expect(broker.connection.answers(to: call).count == 1)
      }
      #expect(offsets == offsets.sorted() && Set(offsets).count == 60)
      var values: [String] = []
      var next: Int64 = 0
      while true {
        let some = try await broker.fetch(from: next, decode: true)
        guard let last = some.records.last else { break }
        values += some.values.filter { $0.hasPrefix("value") }
        next = last.offset + 1
      }
      #expect(values == (0..<60).map { "value \($0)" }, "seed \(random.seed)")
    }
  }

  @Test func `a heavy fetch is answered like a light one`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 100)
      for partition in 0..<100 as Range<UInt32> where partition % 3 == 0 {
        _ = try await broker.produce([try batch(["\(partition)"])], partition: partition)
      }
      let targets = (0..<100).map { FetchTarget(topic: "orders", partition: $0) }
      let all = try await broker.fetch(FetchRequest(targets: targets, decode: true))
      #expect(all.map(\.partition) == Array(0..<100))
      #expect(all.map(\.values) == (0..<100).map { $0 % 3 == 0 ? ["\($0)"] : [] })
      let faulty = await broker.connection.call(
        .logServiceFetch, try FetchRequest(targets: targets + targets).encoded())
      #expect(faulty.failure?.code == .invalidArgument)
    }
  }

  @Test func `a heavy fetch sees what was produced before it, and a ping behind it does not wait`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 65)
      let targets = (0..<65).map { FetchTarget(topic: "orders", partition: $0) }
      let fetch = try FetchRequest(targets: targets).encoded()
      let calls = await broker.connection.send([
        (.logServiceProduce, try produce(try batch(["before"]))), (.logServiceFetch, fetch),
        (.adminServicePing, ByteBuffer()), (.logServiceProduce, try produce(try batch(["after"]))),
      ])
      #expect(broker.connection.answers(to: calls[2]).count == 1)
      let seen = try await broker.connection.response(to: calls[1]).decoded(as: FetchResponse.self)
      #expect(seen.partitions.count == 65)
      #expect(seen.partitions[0].batches.count == 1)
      for call in calls { #expect(await broker.connection.response(to: call).failure == nil) }
      #expect(try await broker.fetch().highWatermark == 2)
    }
  }

  @Test func `a heavy fetch waits for data like a light one`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 70)
      let call = try await broker.sendFetch((0..<70).map { FetchTarget(topic: "orders", partition: $0) })
      while broker.broker.purgatory.count == 0 { await broker.connection.advance(byMs: 0) }
      #expect(broker.connection.answers(to: call).isEmpty)
      _ = try await broker.produce([try batch(["a"])], partition: 69)
      // To read so many again takes a while, so it is put off a little.
      await broker.connection.advance(byMs: 1)
      let found = try await broker.connection.response(to: call).decoded(as: FetchResponse.self).partitions
      #expect(found.map(\.batches.count) == [Int](repeating: 0, count: 69) + [1])
      #expect(broker.broker.purgatory.count == 0)
    }
  }

  @Test func `what a heavy call holds is given back when it is given up`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 70)
      let targets = (0..<70).map { FetchTarget(topic: "orders", partition: $0) }
      let fetch = try FetchRequest(targets: targets, maxWaitMs: 60_000).encoded()
      let other = FakeCallConnection(to: broker.broker.dispatcher)
      let calls = await other.send([(RPCMethod, ByteBuffer)](repeating: (.logServiceFetch, fetch), count: 30))
      for call in calls { await other.abandon(call) }
      while other.heldBytes > 0 { await Task.yield() }
      #expect(calls.allSatisfy { other.answers(to: $0).isEmpty })
      await other.close()
    }
  }

  @Test(arguments: [2, 9_000, 9_002, UInt32.max], [Compression.none, .zstd])
  func `a batch that says it has more or fewer records than it has is refused, and others are not`(
    claimed: UInt32, compression: Compression
  ) async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      var lying = try batch([String](repeating: "", count: 9_001), compression: compression)
      lying.recordCount = claimed
      lying.lastOffsetDelta = claimed - 1
      let calls = await broker.connection.send([
        (.logServiceProduce, try produce(try batch(["a"]))), (.logServiceProduce, try produce(lying)),
        (.logServiceProduce, try produce(try batch(["b"]))),
      ])
      var results: [ProduceResult] = []
      for call in calls {
        results += try await broker.connection.response(to: call).decoded(as: ProduceResponse.self).results
      }
      #expect(results.map { $0.batches[0].error?.code } == [nil, .invalidRecord, nil])
      #expect(try await broker.fetch(decode: true).values == ["a", "b"])
    }
  }
}
