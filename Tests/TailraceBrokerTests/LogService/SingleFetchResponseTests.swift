import NIOCore
import TailraceBroker
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// Fetches of one partition, which are answered without being decoded in full, against the same with a field in them
/// that nobody knows, which are not.
@Suite struct SingleFetchResponseTests {
  private func response(_ broker: FakeCallConnection, _ fetch: FetchRequest, isOdd: Bool) async throws -> ByteBuffer {
    var message = try fetch.encoded()
    if isOdd { message.writeBytes([0x98, 0x06, 0x01]) }
    return try await broker.call(.logServiceFetch, message).bytes()
  }

  private func fetch(_ random: inout SeededGenerator, _ topics: [TopicSummary]) -> FetchRequest {
    let topic = topics[random.below(topics.count)]
    let ids = [ByteBuffer(), topic.topicID, topics[random.below(topics.count)].topicID, ByteBuffer(bytes: [1])]
    let names = random.below(20) == 0 ? ["nosuch", "__metadata", ""] : [topic.name]
    let target = FetchTarget(
      topic: names[random.below(names.count)], topicID: ids[random.below(ids.count)],
      partition: UInt32(random.below(4)), offset: Int64(random.below(70)) - 2,
      maxBytes: random.below(2) == 0 ? 0 : UInt32(random.below(100_000)),
      lastEpoch: random.below(2) == 0 ? nil : UInt32(random.below(3)))
    return FetchRequest(
      targets: [target], minBytes: UInt32(random.below(3)),
      maxBytes: random.below(2) == 0 ? 0 : UInt32(random.below(200_000)))
  }

  @Test func `the answer to a fetch of one partition is byte for byte what the full way gives`() async throws {
    try await withBroker { broker in
      let seed = SeededGenerator(for: "SingleFetchResponseTests").seed
      var random = SeededGenerator(seed: seed)
      let connection = FakeCallConnection(to: broker.dispatcher)
      var topics: [TopicSummary] = []
      for name in ["a", String(repeating: "n", count: 200)] {
        let create = CreateTopicRequest(name: name, partitionCount: 3)
        let created = try await broker.call(.adminServiceCreateTopic, create, as: CreateTopicResponse.self)
        topics.append(try #require(created.topic))
        for partition in 0..<2 as Range<UInt32> {
          let batches = try (0..<30).map { number in
            number % 5 == 0 ? try batch(ofBytes: random.below(60_000)) : try batch(["\(number)", "x"])
          }
          let target = ProduceTarget(topic: name, partition: partition, batches: batches)
          _ = try await broker.call(
            .logServiceProduce, ProduceRequest(targets: [target]), as: ProduceResponse.self)
        }
      }
      for round in 0..<400 {
        let fetch = fetch(&random, topics)
        let usual = try await response(connection, fetch, isOdd: false)
        #expect(try await response(connection, fetch, isOdd: true) == usual, "seed \(seed), round \(round)")
      }
      await connection.close()
    }
  }

  @Test func `a fetch of one partition waits for as much as it asks for`() async throws {
    try await withBroker { broker in
      _ = try await broker.call(.adminServiceCreateTopic, CreateTopicRequest(name: "a"), as: CreateTopicResponse.self)
      let connection = FakeCallConnection(to: broker.dispatcher)
      func produce() async throws {
        let target = ProduceTarget(topic: "a", partition: 0, batches: [try batch(ofBytes: 100)])
        _ = try await connection.call(
          .logServiceProduce, ProduceRequest(acks: .durable, targets: [target]), as: ProduceResponse.self)
      }
      try await produce()
      func send(minBytes: UInt32) async throws -> CallID {
        let fetch = FetchRequest(targets: [FetchTarget(topic: "a")], minBytes: minBytes, maxWaitMs: 10_000)
        return await connection.send([(.logServiceFetch, try fetch.encoded())])[0]
      }
      let (little, much) = (try await send(minBytes: 1), try await send(minBytes: 300))
      #expect(connection.answers(to: little).count == 1)
      #expect(connection.answers(to: much).isEmpty)
      await connection.advance(byMs: 10_000)
      #expect(try await connection.response(to: much).decoded(as: FetchResponse.self).partitions[0].batches.count == 1)
      await connection.close()
    }
  }
}
