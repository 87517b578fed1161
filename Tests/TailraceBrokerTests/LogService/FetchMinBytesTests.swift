import Logging
import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// Fetches that wait for so many bytes, over a store on disk.
@Suite struct FetchMinBytesTests {
  /// A topic in a local store, and a fetch that waits.
  private struct Waiting {
    let store: ProbeLogStore
    let connection: FakeCallConnection
    let producer: FakeCallConnection

    func produce(_ batch: RecordBatch, partition: UInt32 = 0) async throws {
      let target = ProduceTarget(topic: "orders", partition: partition, batches: [batch])
      let response = try await producer.call(
        .logServiceProduce, ProduceRequest(targets: [target]), as: ProduceResponse.self)
      #expect(response.results[0].batches.allSatisfy { $0.error == nil })
      // What woke up by that.
      await connection.advance(byMs: 0)
    }

    func fetch(_ partitions: Int, offset: Int64 = 0, minBytes: Int, maxBytes: Int = 0, maxBytesOfEach: Int = 0)
      async throws -> CallID
    {
      let targets = (0..<partitions).map {
        FetchTarget(topic: "orders", partition: UInt32($0), offset: offset, maxBytes: UInt32(maxBytesOfEach))
      }
      let request = FetchRequest(
        targets: targets, minBytes: UInt32(minBytes), maxBytes: UInt32(maxBytes), maxWaitMs: 60_000)
      return await connection.send([(.logServiceFetch, try request.encoded())])[0]
    }

    /// Bytes of all batches of the answer; nil while there is none.
    func byteCount(_ call: CallID) throws -> Int? {
      guard let answer = connection.answers(to: call).first else { return nil }
      #expect(connection.answers(to: call).count == 1)
      let response = try answer.decoded(as: FetchResponse.self)
      return response.partitions.flatMap(\.batches).reduce(0) { $0 + headerBytes + $1.records.readableBytes }
    }
  }

  private static func withTopic(
    partitions: UInt32 = 1, _ config: [String: String] = ["durability": "os"],
    _ body: (Waiting) async throws -> Void
  ) async throws {
    let directory = try TemporaryDirectory()
    let store = ProbeLogStore(try LocalLogStore(directory: directory.path, clock: ManualClock(), logger: .silent))
    let broker = try await Broker.testing(over: store, clock: ManualClock())
    let waiting = Waiting(
      store: store, connection: FakeCallConnection(to: broker.dispatcher),
      producer: FakeCallConnection(to: broker.dispatcher))
    do {
      let request = CreateTopicRequest(
        name: "orders", partitionCount: partitions, config: config.map { ConfigEntry(name: $0.key, value: $0.value) })
      _ = try await waiting.producer.call(.adminServiceCreateTopic, request, as: CreateTopicResponse.self)
      try await body(waiting)
      #expect(broker.purgatory.count == 0)
      #expect(store.seen.openWaiters.isEmpty)
    } catch {
      Issue.record("\(error)")
    }
    await waiting.connection.close()
    await waiting.producer.close()
    try await broker.close()
    withExtendedLifetime(directory) {}
  }

  @Test func `a fetch is answered as soon as there is as much as it waits for, and is not read for every batch`()
    async throws
  {
    try await Self.withTopic { topic in
      let one = try batch(ofBytes: 900)
      let size = headerBytes + one.records.readableBytes
      let call = try await topic.fetch(1, minBytes: 10 * size)
      for _ in 0..<9 {
        try await topic.produce(one)
        #expect(try topic.byteCount(call) == nil)
      }
      #expect(topic.store.seen.readCount == 1)
      try await topic.produce(one)
      #expect(try topic.byteCount(call) == 10 * size)
      #expect(topic.store.seen.readCount == 2)
      // A byte more is a batch more.
      let next = try await topic.fetch(1, offset: 10, minBytes: size + 1)
      try await topic.produce(one)
      #expect(try topic.byteCount(next) == nil)
      try await topic.produce(one)
      #expect(try topic.byteCount(next) == 2 * size)
    }
  }

  @Test func `what a read found is not waited for again`() async throws {
    try await Self.withTopic { topic in
      let one = try batch(ofBytes: 900)
      let size = headerBytes + one.records.readableBytes
      for _ in 0..<3 { try await topic.produce(one) }
      let call = try await topic.fetch(1, minBytes: 4 * size)
      #expect(try topic.byteCount(call) == nil)
      try await topic.produce(one)
      #expect(try topic.byteCount(call) == 4 * size)
    }
  }

  @Test(arguments: 0..<4) func `over several partitions their sum counts, however it is made up`(round: Int)
    async throws
  {
    var random = SeededGenerator(for: "FetchMinBytesTests")
    let partitions = 2 + round
    let isSkewed = random.below(2) == 0
    try await Self.withTopic(partitions: UInt32(partitions)) { topic in
      let minBytes = 5_000 + random.below(10_000)
      let call = try await topic.fetch(partitions, minBytes: minBytes)
      var sum = 0
      while sum < minBytes {
        #expect(try topic.byteCount(call) == nil, "seed \(random.seed)")
        let one = try batch(ofBytes: 1 + random.below(800))
        sum += headerBytes + one.records.readableBytes
        try await topic.produce(one, partition: UInt32(isSkewed ? 0 : random.below(partitions)))
      }
      #expect(try topic.byteCount(call) == sum, "seed \(random.seed)")
    }
  }

  @Test func `on a durable topic it is answered when as much is on disk`() async throws {
    try await Self.withTopic(["durability": "durable"]) { topic in
      let one = try batch(ofBytes: 900)
      let size = headerBytes + one.records.readableBytes
      let call = try await topic.fetch(1, minBytes: 3 * size)
      for count in 1...3 {
        #expect(try topic.byteCount(call) == nil)
        try await topic.produce(one)
        if count < 3 { #expect(topic.store.seen.readCount == 1) }
      }
      // The producer may be told before the reader is.
      while try topic.byteCount(call) == nil { await topic.connection.advance(byMs: 0) }
      #expect(try topic.byteCount(call) == 3 * size)
    }
  }

  @Test func `a fetch whose segment ends before it has as much as it waits for is answered with what is there`()
    async throws
  {
    try await Self.withTopic(["durability": "os", "segment_bytes": "65536"]) { topic in
      let one = try batch(ofBytes: 20_000)
      let size = headerBytes + one.records.readableBytes
      // Three of them are a segment.
      for _ in 0..<7 { try await topic.produce(one) }
      let old = try await topic.fetch(1, offset: 2, minBytes: 2 * size)
      #expect(try topic.byteCount(old) == size)
      // The same for one that waits in a segment when the next one begins.
      let waiting = try await topic.fetch(1, offset: 6, minBytes: 5 * size)
      for _ in 0..<2 {
        #expect(try topic.byteCount(waiting) == nil)
        try await topic.produce(one)
      }
      #expect(try topic.byteCount(waiting) == nil)
      try await topic.produce(one)
      #expect(try topic.byteCount(waiting) == 3 * size)
    }
  }

  @Test func `what does not fit into the answer is not waited for`() async throws {
    try await Self.withTopic(partitions: 2) { topic in
      let one = try batch(ofBytes: 900)
      let size = headerBytes + one.records.readableBytes
      for _ in 0..<2 { try await topic.produce(one) }
      let full = try await topic.fetch(2, minBytes: 2 * size - 1, maxBytes: 2 * size - 1)
      #expect(try topic.byteCount(full) == size)
      // Of the other partition there is still something to come.
      let half = try await topic.fetch(2, minBytes: 3 * size, maxBytesOfEach: 2 * size - 1)
      #expect(try topic.byteCount(half) == nil)
      try await topic.produce(one, partition: 1)
      #expect(try topic.byteCount(half) == nil)
      try await topic.produce(one, partition: 1)
      #expect(try topic.byteCount(half) == 2 * size)
    }
  }
}

/// Of a batch as it is stored.
private let headerBytes = RecordBatchHeader.byteCount

extension Logger {
  fileprivate static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
