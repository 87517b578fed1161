import TailraceBroker
import TailraceTesting
import TailraceWire
import Testing

@Suite struct CreatePartitionsTests {
  private func grow(_ broker: Fixture, _ name: String = "orders", to count: UInt32, validateOnly: Bool = false)
    async throws -> TopicSummary
  {
    let request = CreatePartitionsRequest(name: name, partitionCount: count, validateOnly: validateOnly)
    return try #require(
      try await broker.call(.adminServiceCreatePartitions, request, as: CreatePartitionsResponse.self).topic)
  }

  @Test func `a topic grows, and keeps its id and what is in it`() async throws {
    try await withFixture { broker in
      let topic = try await broker.createTopic(partitions: 2)
      _ = try await broker.produce([try batch(["a"])], partition: 1)
      let grown = try await grow(broker, to: 5)
      #expect(grown.partitionCount == 5)
      #expect(grown.topicID == topic.topicID)
      #expect(try await broker.fetch(partition: 1, decode: true).values == ["a"])
      #expect(try await broker.produce([try batch(["b"])], partition: 4).batches.first?.baseOffset == 0)
    }
  }

  @Test func `keys map to other partitions from then on`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      // murmur2("21") with its sign bit cleared is 1173551340.
      #expect(try await broker.produce(records: [record("a", key: "21")]).map(\.partition) == [0])
      _ = try await grow(broker, to: 7)
      #expect(try await broker.produce(records: [record("b", key: "21")]).map(\.partition) == [1_173_551_340 % 7])
    }
  }

  @Test(arguments: [0, 1, 2, 3, 10_001, UInt32.max])
  func `the new count is above the old one and at most 10,000`(count: UInt32) async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 3)
      let failure = try await broker.failure(
        of: .adminServiceCreatePartitions, CreatePartitionsRequest(name: "orders", partitionCount: count))
      #expect(failure?.code == .invalidArgument)
      #expect(
        failure?.message
          == "topic 'orders' has 3 partitions; the new count must be above that and at most 10000, not \(count)")
    }
  }

  @Test func `validate_only changes nothing`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      #expect(try await grow(broker, to: 4, validateOnly: true).partitionCount == 4)
      #expect(try await broker.fetch(partition: 3).error?.code == .unknownPartition)
      #expect(try await grow(broker, to: 3).partitionCount == 3)
    }
  }

  @Test func `unknown topics and the broker's own do not grow`() async throws {
    try await withFixture { broker in
      let unknown = try await broker.failure(
        of: .adminServiceCreatePartitions, CreatePartitionsRequest(name: "orders", partitionCount: 2))
      #expect(unknown?.code == .notFound)
      let own = try await broker.failure(
        of: .adminServiceCreatePartitions, CreatePartitionsRequest(name: "__metadata", partitionCount: 2))
      #expect(own?.error == .internalTopic)
    }
  }
}
