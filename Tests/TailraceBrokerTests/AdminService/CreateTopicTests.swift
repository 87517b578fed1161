import NIOCore
import TailraceBroker
import TailraceTesting
import TailraceWire
import Testing

@Suite struct CreateTopicTests {
  @Test func `a topic is made with the partitions asked for, and told of`() async throws {
    try await withFixture { broker in
      let topic = try await broker.createTopic("orders", partitions: 3)
      #expect(topic.name == "orders")
      #expect(topic.topicID.readableBytes == 16)
      #expect(topic.partitionCount == 3)
      #expect(!topic.internal)
      let listed = try await broker.call(.adminServiceListTopics, ListTopicsRequest(), as: ListTopicsResponse.self)
      #expect(listed.topics == [topic])
    }
  }

  @Test(arguments: ["a", "Z9", "a.b_c-d", "...", "_one", ".hidden", String(repeating: "n", count: 200)])
  func `a legal name is taken`(name: String) async throws {
    try await withFixture { broker in
      let topic = try await broker.createTopic(name)
      #expect(topic.name == name)
    }
  }

  @Test(arguments: [
    ("", "has 0 characters; 1 to 200 are allowed"),
    (String(repeating: "n", count: 201), "has 201 characters; 1 to 200 are allowed"),
    (".", "'.' is not allowed"),
    ("..", "'..' is not allowed"),
    ("a b", "may only contain letters, digits, '.', '_' and '-'"),
    ("a/b", "may only contain"),
    ("a@b", "may only contain"),
    ("größe", "may only contain"),
    ("a\nb", "may only contain"),
  ])
  func `an illegal name is refused with the rule it breaks`(name: String, message: String) async throws {
    try await withFixture { broker in
      let failure = try #require(
        try await broker.failure(of: .adminServiceCreateTopic, CreateTopicRequest(name: name)))
      #expect(failure.code == .invalidArgument)
      #expect(failure.error == .invalidTopicName)
      #expect(failure.message.contains(message), "\(failure.message)")
    }
  }

  @Test func `a name of megabytes is not sent back`() async throws {
    try await withFixture { broker in
      for name in [String(repeating: "n", count: 1 << 20), "e" + String(repeating: "\u{301}", count: 1 << 20)] {
        let failure = try await broker.failure(of: .adminServiceCreateTopic, CreateTopicRequest(name: name))
        #expect(try #require(failure).message.utf8.count < 500)
      }
    }
  }

  @Test func `names that begin with two underscores belong to the broker`() async throws {
    try await withFixture { broker in
      for name in ["__x", "__metadata", "__"] {
        let failure = try await broker.failure(of: .adminServiceCreateTopic, CreateTopicRequest(name: name))
        #expect(failure?.code == .invalidArgument)
        #expect(failure?.error == .internalTopic)
      }
    }
  }

  @Test func `no partition count means one, 10,000 are the most`() async throws {
    try await withFixture { broker in
      #expect(try await broker.createTopic("none", partitions: 0).partitionCount == 1)
      #expect(try await broker.createTopic("many", partitions: 10_000).partitionCount == 10_000)
      for count in [10_001, UInt32.max] {
        let failure = try await broker.failure(
          of: .adminServiceCreateTopic, CreateTopicRequest(name: "more", partitionCount: count))
        #expect(failure?.code == .invalidArgument)
        #expect(failure?.message == "partition_count is \(count); 1 to 10000 are allowed")
      }
    }
  }

  @Test func `a topic that exists is not made again`() async throws {
    try await withFixture { broker in
      let first = try await broker.createTopic("orders", partitions: 2)
      for validateOnly in [false, true] {
        let failure = try await broker.failure(
          of: .adminServiceCreateTopic, CreateTopicRequest(name: "orders", validateOnly: validateOnly))
        #expect(failure?.code == .alreadyExists)
        #expect(failure?.error == .topicExists)
      }
      let described = try await broker.call(
        .adminServiceDescribeTopic, DescribeTopicRequest(name: "orders"), as: DescribeTopicResponse.self)
      #expect(described.topic == first)
    }
  }

  @Test func `validate_only makes nothing`() async throws {
    try await withFixture { broker in
      let request = CreateTopicRequest(name: "orders", partitionCount: 5, validateOnly: true)
      let answer = try await broker.call(.adminServiceCreateTopic, request, as: CreateTopicResponse.self)
      #expect(answer.topic?.partitionCount == 5)
      #expect(broker.broker.registry.table.topic(named: "orders") == nil)
      #expect(!broker.store.seen.created.contains { $0 != .metadata && $0 != .offsets })
      #expect(try await broker.createTopic("orders", partitions: 1).partitionCount == 1)
    }
  }

  @Test(arguments: [
    ("cleanup_policy", ["delete", "compact", "compact,delete", "delete,compact"], ["", "none", "delete,", "Compact"]),
    ("delete_retention_ms", ["0", "3153600000000"], ["-1", "3153600000001"]),
    ("durability", ["durable", "interval", "os"], ["", "Durable", "fsync"]),
    ("flush_interval_ms", ["1", "3600000"], ["0", "3600001", "-1", "", "1.5", "99999999999999999999"]),
    ("min_compaction_lag_ms", ["0", "3153600000000"], ["-1", "3153600000001"]),
    ("retention_bytes", ["-1", "1", "1152921504606846976"], ["0", "-2", "1152921504606846977", "1GiB"]),
    ("retention_ms", ["-1", "1", "3153600000000"], ["0", "-2", "3153600000001", "7d", "000000000000000000001"]),
    ("segment_bytes", ["65536", "2147483647"], ["65535", "2147483648", "x"]),
    ("segment_ms", ["1", "3153600000000"], ["0", "-1", "3153600000001"]),
    ("max_batch_bytes", ["1024", "8388608"], ["1023", "8388609"]),
    ("timestamp_type", ["create", "append"], ["", "log"]),
  ])
  func `each setting takes what is within its bounds, and nothing else`(
    name: String, allowed: [String], refused: [String]
  ) async throws {
    try await withFixture { broker in
      for (index, value) in allowed.enumerated() {
        try await broker.createTopic("topic\(index)", config: [name: value])
        let described = try await broker.call(
          .adminServiceDescribeTopic, DescribeTopicRequest(name: "topic\(index)"), as: DescribeTopicResponse.self)
        #expect(described.config == [ConfigEntry(name: name, value: value)])
      }
      for value in refused {
        let request = CreateTopicRequest(name: "refused", config: [ConfigEntry(name: name, value: value)])
        let failure = try #require(try await broker.failure(of: .adminServiceCreateTopic, request))
        #expect(failure.code == .invalidArgument)
        #expect(failure.error == .invalidConfig)
        #expect(failure.message.contains("\(name) is '\(value)'; it may be"), "\(failure.message)")
      }
      #expect(broker.broker.registry.table.topic(named: "refused") == nil)
    }
  }

  @Test func `an unknown setting is refused with the names of the known ones`() async throws {
    try await withFixture { broker in
      let request = CreateTopicRequest(name: "orders", config: [ConfigEntry(name: "retention", value: "1")])
      let failure = try #require(try await broker.failure(of: .adminServiceCreateTopic, request))
      #expect(failure.error == .invalidConfig)
      #expect(
        failure.message.hasSuffix(
          "there is no setting 'retention'; there are cleanup_policy, delete_retention_ms, durability,"
            + " flush_interval_ms, max_batch_bytes, min_compaction_lag_ms, retention_bytes, retention_ms, segment_bytes,"
            + " segment_ms, timestamp_type"))
    }
  }

  @Test func `a setting that is given twice is refused`() async throws {
    try await withFixture { broker in
      let entry = ConfigEntry(name: "durability", value: "os")
      let request = CreateTopicRequest(name: "orders", config: [entry, entry])
      let failure = try #require(try await broker.failure(of: .adminServiceCreateTopic, request))
      #expect(failure.error == .invalidConfig)
      #expect(failure.message.contains("'durability' is given twice"))
    }
  }
}
