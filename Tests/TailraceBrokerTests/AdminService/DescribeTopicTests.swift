import TailraceBroker
import TailraceTesting
import TailraceWire
import Testing

@Suite struct DescribeTopicTests {
  @Test func `a topic is described with its settings and all its partitions`() async throws {
    try await withFixture { broker in
      let topic = try await broker.createTopic(
        partitions: 3, config: ["max_batch_bytes": "2048", "durability": "os"])
      _ = try await broker.produce([try batch(["a", "b"])], partition: 1)
      let described = try await broker.call(
        .adminServiceDescribeTopic, DescribeTopicRequest(name: "orders"), as: DescribeTopicResponse.self)
      #expect(described.topic == topic)
      #expect(described.createdAtMs == ManualClock.startMs)
      #expect(
        described.config == [
          ConfigEntry(name: "durability", value: "os"), ConfigEntry(name: "max_batch_bytes", value: "2048"),
        ])
      #expect(described.partitions.map(\.partition) == [0, 1, 2])
      #expect(described.partitions.map(\.highWatermark) == [0, 2, 0])
      #expect(described.partitions.map(\.logEndOffset) == [0, 2, 0])
      #expect(described.partitions.map { $0.sizeBytes > 0 } == [false, true, false])
      #expect(described.partitions.allSatisfy { $0.fault.isEmpty })
    }
  }

  @Test func `an unknown topic is not found`() async throws {
    try await withFixture { broker in
      let failure = try await broker.failure(of: .adminServiceDescribeTopic, DescribeTopicRequest(name: "orders"))
      #expect(failure?.code == .notFound)
      #expect(failure?.error == .unknownTopic)
    }
  }

  @Test func `the broker's own topic can be looked at`() async throws {
    try await withFixture { broker in
      try await broker.createTopic("orders")
      let described = try await broker.call(
        .adminServiceDescribeTopic, DescribeTopicRequest(name: "__metadata"), as: DescribeTopicResponse.self)
      #expect(described.topic?.internal == true)
      #expect(described.partitions.map(\.highWatermark) == [1])
    }
  }
}
