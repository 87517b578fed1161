import NIOCore
import TailraceBroker
import TailraceTesting
import TailraceWire
import Testing

@Suite struct DeleteTopicTests {
  private func delete(_ broker: Fixture, _ name: String, id: ByteBuffer = ByteBuffer()) async throws -> RPCError? {
    try await broker.failure(of: .adminServiceDeleteTopic, DeleteTopicRequest(name: name, topicID: id))
  }

  @Test func `a deleted topic is gone, with its data`() async throws {
    try await withFixture { broker in
      let topic = try await broker.createTopic()
      _ = try await broker.produce([try batch(["a"])])
      #expect(try await delete(broker, "orders") == nil)
      #expect(try await broker.fetch().error?.code == .unknownTopic)
      let id = try #require(TopicID(topic.topicID))
      #expect(broker.store.seen.dropped == [id])
      #expect(throws: (any Error).self) { try broker.store.bounds(of: PartitionID(topic: id, index: 0)) }
    }
  }

  @Test func `a topic made anew has another id and begins at offset 0`() async throws {
    try await withFixture { broker in
      let first = try await broker.createTopic()
      _ = try await broker.produce([try batch(["a", "b"])])
      #expect(try await delete(broker, "orders") == nil)
      let second = try await broker.createTopic()
      #expect(first.topicID != second.topicID)
      #expect(try await broker.produce([try batch(["c"])]).batches.first?.baseOffset == 0)
      #expect(try await broker.fetch(decode: true).values == ["c"])
    }
  }

  @Test func `an unknown topic cannot be deleted`() async throws {
    try await withFixture { broker in
      let failure = try await delete(broker, "orders")
      #expect(failure?.code == .notFound)
      #expect(failure?.error == .unknownTopic)
    }
  }

  @Test func `an id guards against deleting another topic of that name`() async throws {
    try await withFixture { broker in
      let topic = try await broker.createTopic()
      let failure = try await delete(broker, "orders", id: ByteBuffer(repeating: 7, count: 16))
      #expect(failure?.code == .failedPrecondition)
      #expect(failure?.error == .unknownTopicID)
      #expect(try await broker.fetch().error == nil)
      #expect(try await delete(broker, "orders", id: topic.topicID) == nil)
    }
  }

  @Test(arguments: [1, 15, 17]) func `an id of another length is refused`(count: Int) async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let failure = try await delete(broker, "orders", id: ByteBuffer(repeating: 0, count: count))
      #expect(failure?.code == .invalidArgument)
      #expect(failure?.message == "topic_id has \(count) bytes; it has 16, or none")
    }
  }

  @Test func `the broker's own topic cannot be deleted`() async throws {
    try await withFixture { broker in
      let failure = try await delete(broker, "__metadata")
      #expect(failure?.code == .invalidArgument)
      #expect(failure?.error == .internalTopic)
      try await broker.createTopic()
    }
  }
}
