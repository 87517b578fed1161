import NIOCore
import TailraceBroker
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

  @Test func `a stream is refused until there are streams`() async throws {
    try await withFixture { broker in
      let response = await broker.connection.call(.logServiceSubscribe, ByteBuffer())
      #expect(response.failure == .unimplemented(.logServiceSubscribe))
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
}
