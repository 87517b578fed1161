import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Configurations over the stops of a broker.
@Suite struct StoredConfigTests {
  private func values(_ broker: TestBroker) async throws -> [ConfigValue] {
    try await broker.call(
      .adminServiceDescribeConfig, DescribeConfigRequest(topic: "orders"), as: DescribeConfigResponse.self
    ).values
  }

  @Test(arguments: [false, true])
  func `a change survives a stop and a crash, and is in force after it`(isCrash: Bool) async throws {
    try await withBroker { broker in
      _ = try await broker.call(
        .adminServiceCreateTopic, CreateTopicRequest(name: "orders"), as: CreateTopicResponse.self)
      let change = AlterConfigRequest(
        topic: "orders", set: [ConfigEntry(name: "cleanup_policy", value: "compact")])
      let changed = try await broker.call(.adminServiceAlterConfig, change, as: AlterConfigResponse.self).values
      if isCrash { try await broker.crash() } else { try await broker.restart() }
      #expect(try await values(broker) == changed)
      let produce = ProduceRequest(targets: [ProduceTarget(topic: "orders", partition: 0, batches: [try batch(["a"])])])
      let response = try await broker.call(.logServiceProduce, produce, as: ProduceResponse.self)
      #expect(response.results.first?.batches.first?.error?.code == .missingKey)
    }
  }

  @Test func `a broker starts on what a later release stored, keeps it and tells of it`() async throws {
    let clock = ManualClock()
    let store = InMemoryLogStore(clock: clock)
    let stored = [
      ConfigEntry(name: "colour", value: "red"), ConfigEntry(name: "retention_ms", value: "3 weeks"),
    ]
    try await LogMetadataStore(store: store, clock: clock).put(
      TopicRecord(
        name: "orders", topicID: ByteBuffer(repeating: 5, count: 16), partitionCount: 1, config: stored))
    for _ in 0..<2 {
      let broker = try await Broker.testing(over: store, clock: clock)
      let topic = try #require(broker.registry.table.topic(named: "orders"))
      #expect(topic.config.entries == stored)
      #expect(topic.config.log.retentionMs == nil)
      #expect(topic.config.described.contains { $0.name == "colour" && $0.value == "red" })
    }
    let broker = try await Broker.testing(over: store, clock: clock)
    _ = try await broker.registry.alter(
      name: "orders", set: [ConfigEntry(name: "durability", value: "os")], unset: ["retention_ms"], validateOnly: false)
    let again = try await Broker.testing(over: store, clock: clock)
    let topic = try #require(again.registry.table.topic(named: "orders"))
    #expect(topic.config.entries.map(\.name) == ["colour", "durability"])
    #expect(topic.config.log.retentionMs == 604_800_000)
  }
}
