import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Topics over the life of a broker, and over its stops.
@Suite struct TopicRegistryTests {
  private func create(_ broker: TestBroker, _ name: String = "orders", partitions: UInt32 = 1) async throws
    -> TopicSummary
  {
    let request = CreateTopicRequest(
      name: name, partitionCount: partitions, config: [ConfigEntry(name: "max_batch_bytes", value: "2048")])
    return try #require(try await broker.call(.adminServiceCreateTopic, request, as: CreateTopicResponse.self).topic)
  }

  private func delete(_ broker: TestBroker, _ name: String = "orders") async throws {
    _ = try await broker.call(.adminServiceDeleteTopic, DeleteTopicRequest(name: name), as: DeleteTopicResponse.self)
  }

  private func describe(_ broker: TestBroker, _ name: String = "orders") async throws -> DescribeTopicResponse {
    try await broker.call(.adminServiceDescribeTopic, DescribeTopicRequest(name: name), as: DescribeTopicResponse.self)
  }

  private func names(_ broker: TestBroker) async throws -> [String] {
    try await broker.call(.adminServiceListTopics, ListTopicsRequest(), as: ListTopicsResponse.self).topics.map(\.name)
  }

  private func produce(_ broker: TestBroker, _ value: String, partition: UInt32 = 0) async throws -> Int64? {
    let target = ProduceTarget(topic: "orders", partition: partition, records: [record(value)])
    let response = try await broker.call(
      .logServiceProduce, ProduceRequest(targets: [target]), as: ProduceResponse.self)
    return response.results.first?.records.first?.offset
  }

  private func values(_ broker: TestBroker, partition: UInt32 = 0) async throws -> [String] {
    let request = FetchRequest(targets: [FetchTarget(topic: "orders", partition: partition)], decode: true)
    return try await broker.call(.logServiceFetch, request, as: FetchResponse.self).partitions[0].values
  }

  @Test(arguments: [false, true])
  func `topics survive a stop and a crash, with id, settings, partitions and data`(isCrash: Bool) async throws {
    try await withBroker { broker in
      let topic = try await create(broker, partitions: 2)
      _ = try await create(broker, "other")
      try await delete(broker, "other")
      #expect(try await produce(broker, "a", partition: 1) == 0)
      let growth = CreatePartitionsRequest(name: "orders", partitionCount: 4)
      _ = try await broker.call(.adminServiceCreatePartitions, growth, as: CreatePartitionsResponse.self)
      let before = try await describe(broker)
      for round in 1...3 as ClosedRange<Int64> {
        if isCrash { try await broker.crash() } else { try await broker.restart() }
        let after = try await describe(broker)
        #expect(after.topic?.topicID == topic.topicID)
        #expect(after.topic?.partitionCount == 4)
        #expect(after.config == before.config)
        #expect(after.createdAtMs == before.createdAtMs)
        #expect(try await names(broker) == ["orders"])
        #expect(try await values(broker, partition: 1).count == Int(round))
        #expect(try await produce(broker, "a", partition: 1) == round)
      }
    }
  }

  @Test func `a deletion that a crash cut off is finished at the next start`() async throws {
    let wrapped = Wrapped()
    try await withBroker(wrapped.options) { broker in
      let topic = try await create(broker)
      #expect(try await produce(broker, "a") == 0)
      wrapped.store?.fail(.drop(StorageError(.inputOutput, "rename EIO")))
      await #expect(throws: RPCError.self) { try await delete(broker) }
      let id = try #require(TopicID(topic.topicID))
      #expect(try await broker.store.topicsOnDisk().contains { $0.topic == id })
      try await broker.crash()
      #expect(try await !broker.store.topicsOnDisk().contains { $0.topic == id })
      #expect(try await names(broker) == [])
      #expect(try await create(broker).topicID != topic.topicID)
      #expect(try await values(broker) == [])
    }
  }

  @Test func `a deletion is finished also when nothing is remembered of the name`() async throws {
    let wrapped = Wrapped()
    try await withBroker(wrapped.options) { broker in
      let topic = try await create(broker)
      wrapped.store?.fail(.drop(StorageError(.inputOutput, "rename EIO")))
      await #expect(throws: RPCError.self) { try await delete(broker) }
      let id = try #require(TopicID(topic.topicID))
      // As after a compaction of the metadata: only what is to be dropped is known.
      var snapshot = try await LogMetadataStore(store: broker.store, clock: SystemClock()).load()
      #expect(snapshot.dropping == [id: "orders"])
      snapshot.deletedNames = []
      let registry = try await TopicRegistry(
        table: TopicTable(), metadata: try await LogMetadataStore(store: broker.store, clock: SystemClock()),
        snapshot: snapshot, defaults: .none, store: broker.store, clock: SystemClock(), logger: broker.logger)
      try await registry.dropLeftovers(try await broker.store.topicsOnDisk().map { ($0.topicName, $0.topic) })
      #expect(try await !broker.store.topicsOnDisk().contains { $0.topic == id })
      #expect(try await LogMetadataStore(store: broker.store, clock: SystemClock()).load().dropping.isEmpty)
    }
  }

  @Test func `what was deleted is not to be dropped any more`() async throws {
    try await withBroker { broker in
      _ = try await create(broker)
      try await delete(broker)
      let snapshot = try await LogMetadataStore(store: broker.store, clock: SystemClock()).load()
      #expect(snapshot.dropping.isEmpty)
      #expect(snapshot.deletedNames == ["orders"])
    }
  }

  @Test func `what an older topic of the same name left behind is dropped`() async throws {
    try await withBroker { broker in
      let topic = try await create(broker)
      #expect(try await produce(broker, "a") == 0)
      let old = "00112233445566778899aabbccddeeff"
      try broker.directory.makeDirectory("topics/orders@\(old)/0")
      try await broker.crash()
      let found = try await broker.store.topicsOnDisk()
      #expect(!found.contains { $0.topic == TopicID(hexadecimal: old) })
      #expect(found.contains { $0.topic == TopicID(topic.topicID) })
      #expect(try await values(broker) == ["a"])
    }
  }

  @Test func `data of topics that were never known is left alone`() async throws {
    try await withBroker { broker in
      _ = try await create(broker)
      let id = "00112233445566778899aabbccddeeff"
      try broker.directory.makeDirectory("topics/stray@\(id)/0")
      try broker.directory.makeDirectory("topics/not-a-topic")
      for _ in 0..<2 {
        try await broker.restart()
        #expect(try await broker.store.topicsOnDisk().contains { $0.topic == TopicID(hexadecimal: id) })
        #expect(try broker.directory.names(in: "topics").contains("not-a-topic"))
        #expect(try await names(broker) == ["orders"])
      }
    }
  }

  @Test func `of many creates of one name at a time exactly one wins`() async throws {
    try await withFixture { broker in
      let codes = await withTaskGroup(of: StatusCode.self) { group in
        for _ in 0..<50 {
          group.addTask {
            let response = await broker.connection.call(
              .adminServiceCreateTopic, (try? CreateTopicRequest(name: "orders").encoded()) ?? .init())
            return response.failure?.code ?? .ok
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(codes.filter { $0 == .ok }.count == 1)
      #expect(codes.filter { $0 == .alreadyExists }.count == 49)
    }
  }

  @Test func `a storm of changes is carried out one after the other`() async throws {
    try await withFixture { broker in
      await withTaskGroup(of: Void.self) { group in
        for index in 0..<100 {
          group.addTask {
            let name = "topic\(index)"
            var calls = [
              (RPCMethod.adminServiceCreateTopic, try? CreateTopicRequest(name: name).encoded()),
              (.adminServiceCreatePartitions, try? CreatePartitionsRequest(name: name, partitionCount: 3).encoded()),
            ]
            if index % 2 == 0 {
              calls.append((.adminServiceDeleteTopic, try? DeleteTopicRequest(name: name).encoded()))
            }
            for (method, request) in calls {
              let response = await broker.connection.call(method, request ?? ByteBuffer())
              #expect(response.failure == nil)
            }
          }
        }
      }
      #expect(broker.store.seen.mostChangesUnderWay == 1)
      let topics = try await broker.call(
        .adminServiceListTopics, ListTopicsRequest(), as: ListTopicsResponse.self
      ).topics
      #expect(topics.count == 50)
      #expect(topics.allSatisfy { $0.partitionCount == 3 })
    }
  }

  @Test func `a store that fails takes the new topic back, here and after a crash`() async throws {
    let wrapped = Wrapped()
    try await withBroker(wrapped.options) { broker in
      wrapped.store?.fail(.create(StorageError(.full, "no space left")))
      let failure = await #expect(throws: RPCError.self) { try await create(broker, partitions: 3) }
      #expect(failure?.code == .resourceExhausted)
      #expect(failure?.error == .storageFull)
      #expect(try await names(broker) == [])
      // Nothing stays behind of what was made before the failure.
      #expect(try await broker.store.topicsOnDisk().map(\.topicName).sorted() == ["__metadata", "__offsets"])
      wrapped.store?.fail(.none)
      try await broker.crash()
      #expect(try await names(broker) == [])
      #expect(try await create(broker).partitionCount == 1)
    }
  }

  @Test func `a store that fails leaves a topic that was to grow as it was`() async throws {
    let wrapped = Wrapped()
    try await withBroker(wrapped.options) { broker in
      _ = try await create(broker, partitions: 2)
      #expect(try await produce(broker, "a", partition: 1) == 0)
      wrapped.store?.fail(.create(StorageError(.full, "no space left")))
      let growth = CreatePartitionsRequest(name: "orders", partitionCount: 5)
      await #expect(throws: RPCError.self) {
        try await broker.call(.adminServiceCreatePartitions, growth, as: CreatePartitionsResponse.self)
      }
      #expect(try await describe(broker).topic?.partitionCount == 2)
      wrapped.store?.fail(.none)
      try await broker.crash()
      #expect(try await describe(broker).topic?.partitionCount == 2)
      #expect(try await values(broker, partition: 1) == ["a"])
      _ = try await broker.call(.adminServiceCreatePartitions, growth, as: CreatePartitionsResponse.self)
      #expect(try await describe(broker).partitions.map(\.highWatermark) == [0, 1, 0, 0, 0])
    }
  }
}
