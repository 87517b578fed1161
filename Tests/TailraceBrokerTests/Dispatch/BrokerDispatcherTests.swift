import NIOCore
@testable import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

@Suite struct BrokerDispatcherTests {
  @Test func `calls stay in the queue while the connection accepts none`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let produce = try ProduceRequest(
        targets: [ProduceTarget(topic: "orders", partition: 0, batches: [try batch(["a"])])]
      ).encoded()
      broker.connection.acceptsCalls = false
      let calls = await broker.connection.send([
        (.adminServicePing, ByteBuffer()), (.logServiceProduce, produce), (.logServiceProduce, produce),
        (.adminServiceListTopics, ByteBuffer()),
      ])
      #expect(broker.connection.queuedCalls == 4)
      #expect(calls.allSatisfy { broker.connection.answers(to: $0).isEmpty })
      #expect(broker.store.seen.appends.isEmpty)

      broker.connection.acceptsCalls = true
      await broker.connection.offer()
      #expect(broker.connection.queuedCalls == 0)
      for call in calls { #expect(await broker.connection.response(to: call).failure == nil) }
      #expect(calls.allSatisfy { broker.connection.answers(to: $0).count == 1 })
      #expect(broker.store.seen.appends == [[.written, .written]])
    }
  }

  @Test func `every method refuses bytes that are no message, and none answers twice`() async throws {
    try await withFixture { broker in
      for method in RPCMethod.allCases {
        for bytes in [ByteBuffer(bytes: [0xFF]), ByteBuffer(repeating: 0x0A, count: 5), ByteBuffer(bytes: [0x08])] {
          let call = await broker.connection.send([(method, bytes)])[0]
          let failure = await broker.connection.response(to: call).failure
          #expect([.invalidArgument, .unimplemented].contains(failure?.code), "\(method.fullName)")
          #expect(broker.connection.answers(to: call).count == 1)
        }
      }
    }
  }

  @Test func `calls are left where they are while much of their connection waits for its turn`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      broker.store.holdReads()
      _ = try await broker.produce([try batch(ofBytes: 40_000)])
      let fetch = try FetchRequest(targets: [FetchTarget(topic: "orders")], decode: true).encoded()
      // One runs, and waits for its read.
      await broker.connection.send([(.logServiceFetch, fetch)])
      while broker.store.seen.heldReads.isEmpty { await Task.yield() }
      // Incompressible, so that the requests are as large as their records.
      var random = SystemRandomNumberGenerator()
      let noise = ByteBuffer(bytes: (0..<400_000).map { _ in UInt8.random(in: .min ... .max, using: &random) })
      var builder = RecordSetBuilder(baseTimestampMs: ManualClock.startMs)
      builder.append(key: nil, value: noise, timestampMs: ManualClock.startMs)
      let target = ProduceTarget(
        topic: "orders", partition: 0, batches: [try builder.build(compression: .lz4).message])
      let produce = try ProduceRequest(targets: [target]).encoded()
      for _ in 0..<10 { await broker.connection.send([(.logServiceProduce, produce)]) }
      let calls = await broker.connection.send([(.adminServicePing, ByteBuffer())])
      #expect(broker.connection.queuedCalls == 8)
      #expect(broker.connection.heldBytes < WaitingJobs.maxBytes + 2 * produce.readableBytes)
      broker.store.releaseReads()
      while broker.connection.queuedCalls > 0 {
        await broker.connection.offer()
        await Task.yield()
      }
      #expect(broker.connection.answers(to: calls[0]).count == 1)
      while broker.connection.heldBytes > 0 { await Task.yield() }
      #expect(try await broker.fetch().highWatermark == 11)
    }
  }
}
