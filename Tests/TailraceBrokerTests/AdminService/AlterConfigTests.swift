import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

@Suite struct AlterConfigTests {
  private func request(
    _ set: KeyValuePairs<String, String> = [:], unset: [String] = [], topic: String = "orders",
    validateOnly: Bool = false
  ) -> AlterConfigRequest {
    AlterConfigRequest(
      topic: topic, set: set.map { ConfigEntry(name: $0.key, value: $0.value) }, unset: unset,
      validateOnly: validateOnly)
  }

  @discardableResult
  private func alter(_ broker: Fixture, _ request: AlterConfigRequest) async throws -> [ConfigValue] {
    try await broker.call(.adminServiceAlterConfig, request, as: AlterConfigResponse.self).values
  }

  private func described(_ broker: Fixture, _ topic: String = "orders") async throws -> [ConfigValue] {
    try await broker.call(
      .adminServiceDescribeConfig, DescribeConfigRequest(topic: topic), as: DescribeConfigResponse.self
    ).values
  }

  /// What is set on the topic.
  private func own(_ values: [ConfigValue]) -> [String: String] {
    values.filter { $0.source == .topic }.reduce(into: [:]) { $0[$1.name] = $1.value }
  }

  @Test func `settings are set and taken back, and told of`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2, config: ["durability": "os", "segment_bytes": "100000"])
      let values = try await alter(
        broker, request(["retention_ms": "5000", "segment_bytes": "200000"], unset: ["durability"]))
      #expect(own(values) == ["retention_ms": "5000", "segment_bytes": "200000"])
      #expect(try await described(broker) == values)
      let configured = try #require(broker.store.seen.configured.last)
      #expect(configured.config.retentionMs == 5_000)
      #expect(configured.config.segmentBytes == 200_000)
      #expect(configured.config.durability == .durable)
      let topic = try await broker.call(
        .adminServiceDescribeTopic, DescribeTopicRequest(name: "orders"), as: DescribeTopicResponse.self)
      #expect(topic.config.map(\.name) == ["retention_ms", "segment_bytes"])
    }
  }

  @Test func `a topic that becomes compacted refuses records without a key at once, in both forms`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      #expect(try await broker.produce([batch(["a"])], partition: 1).batches[0].error == nil)
      try await alter(broker, request(["cleanup_policy": "compact"]))
      for partition in UInt32(0)...1 {
        #expect(try await broker.produce([batch(["b"])], partition: partition).batches[0].error?.code == .missingKey)
        #expect(try await broker.produce(records: [record("b")], partition: partition)[0].error?.code == .missingKey)
        #expect(try await broker.produce(records: [record("b", key: "k")], partition: partition)[0].error == nil)
      }
      try await alter(broker, request(unset: ["cleanup_policy"]))
      #expect(try await broker.produce([batch(["c"])]).batches[0].error == nil)
    }
  }

  @Test func `a smaller batch bound holds for the very next batch`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      #expect(try await broker.produce([batch(ofBytes: 5_000)]).batches[0].error == nil)
      try await alter(broker, request(["max_batch_bytes": "2000"]))
      #expect(try await broker.produce([batch(ofBytes: 5_000)]).batches[0].error?.code == .batchTooLarge)
    }
  }

  @Test func `unset acks follow a change of the durability`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      broker.store.forgetAppends()
      _ = try await broker.produce([batch(["a"])])
      try await alter(broker, request(["durability": "durable"]))
      _ = try await broker.produce([batch(["a"])])
      #expect(broker.store.seen.appends == [[.written], [.durable]])
    }
  }

  @Test func `one fault and nothing is changed`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let before = try await described(broker)
      let faults: [(AlterConfigRequest, String)] = [
        (request(["retention_ms": "5000", "segment_ms": "0"]), "segment_ms is '0'; it may be 1 to 3153600000000"),
        (request(["retention_ms": "5000", "colour": "red"]), "there is no setting 'colour'"),
        (request(["retention_ms": "5000"], unset: ["colour"]), "there is no setting 'colour'"),
        (request(["retention_ms": "5000", "retention_ms": "6000"]), "'retention_ms' is given twice"),
        (
          request(["retention_ms": "5000"], unset: ["retention_ms"]),
          "'retention_ms' is to be unset, and is given once more"
        ),
        (request(unset: ["durability", "durability"]), "'durability' is to be unset, and is given once more"),
        (
          request(["retention_ms": "5", "min_compaction_lag_ms": "5", "cleanup_policy": "compact,delete"]),
          "the lag must be less"
        ),
      ]
      for (request, text) in faults {
        let failure = try #require(try await broker.failure(of: .adminServiceAlterConfig, request))
        #expect(failure.code == .invalidArgument)
        #expect(failure.error == .invalidConfig)
        #expect(failure.message.contains(text), "\(failure.message)")
      }
      #expect(try await described(broker) == before)
      #expect(broker.store.seen.configured.isEmpty)
    }
  }

  @Test func `validate_only checks and changes nothing`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let before = try await described(broker)
      let values = try await alter(broker, request(["retention_ms": "5000"], validateOnly: true))
      #expect(own(values) == ["durability": "os", "retention_ms": "5000"])
      #expect(try await described(broker) == before)
      #expect(broker.store.seen.configured.isEmpty)
      let failure = try await broker.failure(
        of: .adminServiceAlterConfig, request(["retention_ms": "0"], validateOnly: true))
      #expect(failure?.error == .invalidConfig)
    }
  }

  @Test func `unknown topics and the broker's own are not changed, but shown where they are`() async throws {
    try await withFixture { broker in
      let unknown = try await broker.failure(of: .adminServiceAlterConfig, request(topic: "nope"))
      #expect(unknown?.code == .notFound && unknown?.error == .unknownTopic)
      let own = try await broker.failure(
        of: .adminServiceAlterConfig, request(["cleanup_policy": "delete"], topic: "__metadata"))
      #expect(own?.error == .internalTopic)
      let shown = try await broker.failure(of: .adminServiceDescribeConfig, DescribeConfigRequest(topic: "nope"))
      #expect(shown?.code == .notFound && shown?.error == .unknownTopic)
      #expect(
        try await described(broker, "__metadata").contains { $0.name == "cleanup_policy" && $0.value == "compact" })
    }
  }

  @Test func `a store that cannot take it leaves the topic as it was, here and after a start`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let before = try await described(broker)
      broker.store.fail(.configure(StorageError(.inputOutput, "EIO")))
      let failure = try await broker.failure(of: .adminServiceAlterConfig, request(["retention_ms": "5000"]))
      #expect(failure?.error == .storageFailed)
      #expect(try await described(broker) == before)
      broker.store.fail(.none)
      let again = try await Broker.testing(over: broker.store, clock: broker.clock)
      #expect(again.registry.table.topic(named: "orders")?.config.entries.map(\.name) == ["durability"])
    }
  }

  @Test func `a record that cannot be written changes nothing`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let before = try await described(broker)
      broker.store.fail(.metadata(.refused(StorageError(.full, "no space left"))))
      let failure = try await broker.failure(of: .adminServiceAlterConfig, request(["retention_ms": "5000"]))
      #expect(failure?.error == .storageFull)
      #expect(try await described(broker) == before)
      #expect(broker.store.seen.configured.isEmpty)
    }
  }

  @Test func `changes at the same time all come to be, one after the other`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let names = ["retention_ms", "retention_bytes", "segment_ms", "min_compaction_lag_ms", "delete_retention_ms"]
      try await withThrowingTaskGroup(of: Void.self) { group in
        for name in names {
          group.addTask { try await alter(broker, request([name: "77"])) }
        }
        try await group.waitForAll()
      }
      #expect(Set(own(try await described(broker)).keys) == Set(names + ["durability"]))
      #expect(broker.store.seen.mostChangesUnderWay == 1)
    }
  }

  @Test func `the broker's layer is in force where the topic says nothing, and told of`() async throws {
    let defaults = try TopicDefaults([ConfigEntry(name: "cleanup_policy", value: "compact")])
    try await withFixture(topicDefaults: defaults) { broker in
      try await broker.createTopic()
      try await broker.createTopic("plain", config: ["cleanup_policy": "delete"])
      #expect(try await broker.produce([batch(["a"])]).batches[0].error?.code == .missingKey)
      #expect(try await broker.produce([batch(["a"])], to: "plain").batches[0].error == nil)
      let policy = try await described(broker).first { $0.name == "cleanup_policy" }
      #expect(policy?.value == "compact" && policy?.source == .broker)
      try await alter(broker, request(unset: ["cleanup_policy"], topic: "plain"))
      #expect(try await broker.produce([batch(["a"])], to: "plain").batches[0].error?.code == .missingKey)
    }
  }
}
