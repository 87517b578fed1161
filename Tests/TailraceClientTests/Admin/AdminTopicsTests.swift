import TailraceClient
import TailraceTesting
import Testing

@Suite(.timeLimit(.minutes(15))) struct AdminTopicsTests {
  @Test func `a topic is created, described and deleted`() async throws {
    try await withBroker { broker in
      let admin = AdminClient(broker.client)
      let created = try await admin.createTopic("orders", partitions: 3, config: ["retention_ms": "3600000"])
      #expect(created.name == "orders" && created.partitionCount == 3 && !created.isInternal)
      #expect(created.id.utf8.count == 32)
      #expect(try await admin.listTopics() == [created])
      let topic = try await admin.describeTopic("orders")
      #expect(topic.id == created.id && topic.config == ["retention_ms": "3600000"] && topic.createdAtMs > 0)
      #expect(topic.partitions.map(\.partition) == [0, 1, 2])
      #expect(topic.partitions.allSatisfy { $0.highWatermark == 0 && $0.fault == nil })
      await expect(.unknownTopicID) { try await admin.deleteTopic("orders", id: String(repeating: "0", count: 32)) }
      try await admin.deleteTopic("orders", id: created.id)
      #expect(try await admin.listTopics().isEmpty)
    }
  }

  @Test func `what is only validated is not done`() async throws {
    try await withBroker { broker in
      let admin = AdminClient(broker.client)
      try await admin.createTopic("orders", partitions: 2, validateOnly: true)
      #expect(try await admin.listTopics().isEmpty)
      try await admin.createTopic("orders", partitions: 2)
      #expect(try await admin.createPartitions(of: "orders", total: 5, validateOnly: true).partitionCount == 5)
      #expect(try await admin.describeTopic("orders").partitions.count == 2)
      let settings = try await admin.alterConfig(of: "orders", set: ["retention_ms": "60000"], validateOnly: true)
      #expect(settings.first { $0.name == "retention_ms" }?.value == "60000")
      #expect(try await admin.describeTopic("orders").config.isEmpty)
    }
  }

  @Test func `partitions are added, never taken away`() async throws {
    try await withBroker { broker in
      let admin = AdminClient(broker.client)
      try await admin.createTopic("orders", partitions: 2)
      #expect(try await admin.createPartitions(of: "orders", total: 5).partitionCount == 5)
      #expect(try await admin.describeTopic("orders").partitions.map(\.partition) == Array(0..<5))
      await expect(.invalidArgument) { try await admin.createPartitions(of: "orders", total: 5) }
    }
  }

  @Test func `settings say where their values come from`() async throws {
    try await withBroker { broker in
      let admin = AdminClient(broker.client)
      try await admin.createTopic("orders")
      let retention = { (settings: [ConfigSetting]) in settings.first { $0.name == "retention_ms" } }
      let before = try #require(retention(try await admin.describeConfig(of: "orders")))
      #expect(before.source == .builtIn && !before.documentation.isEmpty)
      let set = try await admin.alterConfig(of: "orders", set: ["retention_ms": "60000"])
      #expect(retention(set)?.value == "60000" && retention(set)?.source == .topic)
      #expect(try await admin.describeConfig(of: "orders") == set)
      let unset = try await admin.alterConfig(of: "orders", unset: ["retention_ms"])
      #expect(retention(unset) == before)
    }
  }

  @Test func `topics are listed page after page`() async throws {
    try await withBroker { broker in
      var admin = AdminClient(broker.client)
      for index in 0..<5 { try await admin.createTopic("t\(index)") }
      try await admin.createTopic("other")
      for pageSize in [1, 2, 5, 6] as [UInt32] {
        admin.pageSize = pageSize
        #expect(try await admin.listTopics(prefix: "t").map(\.name) == ["t0", "t1", "t2", "t3", "t4"])
        #expect(try await admin.listTopics().count == 6)
      }
      let all = try await admin.listTopics(includeInternal: true)
      #expect(all.contains { $0.isInternal } && all.count > 6)
      #expect(all.map(\.name) == all.map(\.name).sorted())
    }
  }

  @Test func `failures have the broker's codes`() async throws {
    try await withBroker { broker in
      let admin = AdminClient(broker.client)
      try await admin.createTopic("orders")
      await expect(.topicExists) { try await admin.createTopic("orders") }
      await expect(.invalidTopicName) { try await admin.createTopic("or/ders") }
      await expect(.internalTopic) { try await admin.createTopic("__orders") }
      await expect(.internalTopic) { try await admin.deleteTopic("__metadata") }
      await expect(.invalidConfig) { try await admin.createTopic("a", config: ["retention": "1"]) }
      await expect(.invalidArgument) { try await admin.createTopic("a", partitions: 10_001) }
      await expect(.unknownTopic) { try await admin.describeTopic("none") }
      await expect(.unknownTopic) { try await admin.deleteTopic("none") }
      await expect(.unknownTopic) { try await admin.createPartitions(of: "none", total: 2) }
      await expect(.unknownTopic) { try await admin.describeConfig(of: "none") }
      await expect(.unknownTopic) { try await admin.alterConfig(of: "none", set: ["retention_ms": "1"]) }
      await expect(.invalidConfig) { try await admin.alterConfig(of: "orders", set: ["retention_ms": "soon"]) }
    }
  }

  @Test func `what cannot be said to a broker is refused before it is asked`() async throws {
    // Nobody listens there.
    let client = try Client(ClientConfiguration(server: "127.0.0.1:1"))
    let admin = AdminClient(client)
    for count in [0, -1, Int.max] {
      await expect(.invalidArgument) { try await admin.createTopic("a", partitions: count) }
      await expect(.invalidArgument) { try await admin.createPartitions(of: "a", total: count) }
    }
    await expect(.invalidArgument) { try await admin.deleteTopic("a", id: "0123") }
    await client.close()
  }

  @Test func `a broker tells of itself`() async throws {
    try await withBroker { broker in
      let admin = AdminClient(broker.client)
      let cluster = try await admin.describeCluster()
      #expect(cluster.version == "test" && cluster.clusterID.utf8.count == 32 && cluster.topicCount == 0)
      #expect(cluster.limits.maxPartitionsPerTopic == 10_000)
      #expect(cluster.methods.contains("tailrace.v1.LogService/Produce"))
      #expect(cluster.methods.contains("tailrace.v1.LogService/Subscribe"))
      #expect(cluster.features.contains("compression.zstd"))
      #expect(try await admin.ping() > .zero)
    }
  }

  @Test func `a call ends in time where there is no broker`() async throws {
    let client = try Client(ClientConfiguration(server: "127.0.0.1:1"))
    await expect(.unavailable) { try await AdminClient(client, timeout: .milliseconds(20)).ping() }
    await client.close()
  }
}

/// Expects that `body` fails with a `TailraceError` of this code.
func expect(
  _ code: TailraceError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> some Any
) async {
  await #expect(sourceLocation: sourceLocation) {
    _ = try await body()
  } throws: {
    ($0 as? TailraceError)?.code == code
  }
}
