import NIOCore
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing
@testable import TailraceBroker

@Suite struct LogMetadataStoreTests {
  private func record(_ name: String, partitions: UInt32 = 1) -> TopicRecord {
    TopicRecord(name: name, topicID: ByteBuffer(repeating: 5, count: 16), partitionCount: partitions)
  }

  @Test func `the last record of a topic is what there is`() async throws {
    let clock = ManualClock()
    let store = InMemoryLogStore(clock: clock)
    let metadata = try await LogMetadataStore(store: store, clock: clock)
    try await metadata.put(record("a"))
    try await metadata.put(record("b"))
    try await metadata.put(record("a", partitions: 9))
    try await metadata.put(record("c"))
    try await metadata.remove(record("b"))
    try await metadata.remove(record("c"))
    try await metadata.put(record("c", partitions: 2))
    let snapshot = try await LogMetadataStore(store: store, clock: clock).load()
    #expect(snapshot.topics == ["a": record("a", partitions: 9), "c": record("c", partitions: 2)])
    #expect(snapshot.deletedNames == ["b"])
  }

  @Test func `a deleted topic's data is to be dropped until it is said to be gone`() async throws {
    let clock = ManualClock()
    let metadata = try await LogMetadataStore(store: InMemoryLogStore(clock: clock), clock: clock)
    let id = try #require(TopicID(record("a").topicID))
    try await metadata.put(record("a"))
    #expect(try await metadata.load().dropping.isEmpty)
    try await metadata.remove(record("a"))
    #expect(try await metadata.load().dropping == [id: "a"])
    // A topic of the same name changes nothing in that.
    var next = record("a")
    next.topicID = ByteBuffer(repeating: 6, count: 16)
    try await metadata.put(next)
    #expect(try await metadata.load().dropping == [id: "a"])
    try await metadata.noteDropped(id)
    #expect(try await metadata.load().dropping.isEmpty)
    #expect(try await metadata.load().topics == ["a": next])
  }

  @Test func `producers and the ids set aside are what was stored last`() async throws {
    let clock = ManualClock()
    let metadata = try await LogMetadataStore(store: InMemoryLogStore(clock: clock), clock: clock)
    #expect(try await metadata.load().nextProducerID == 1)
    try await metadata.put(ProducerIDBlock(nextProducerID: 1_001))
    try await metadata.put(ProducerIDBlock(nextProducerID: 2_001))
    let first = ProducerRecord(name: "import/1", producerID: 7, producerEpoch: 0, initializedAtMs: 5)
    let second = ProducerRecord(name: "import/1", producerID: 7, producerEpoch: 1, initializedAtMs: 6)
    try await metadata.put(first)
    try await metadata.put(second)
    let snapshot = try await metadata.load()
    #expect(snapshot.nextProducerID == 2_001)
    #expect(snapshot.producers == ["import/1": second])
  }

  @Test func `the log is compacted`() async throws {
    let clock = ManualClock()
    let metadata = try await LogMetadataStore(store: InMemoryLogStore(clock: clock), clock: clock)
    let config = try #require(metadata.ownTopics.first).config.log
    #expect(config.cleanup == .compact)
    #expect(config.durability == .durable)
    #expect(config.segmentBytes == 16 << 20)
  }

  @Test func `a log longer than one read is replayed to its end`() async throws {
    let clock = ManualClock()
    let store = InMemoryLogStore(clock: clock)
    let metadata = try await LogMetadataStore(store: store, clock: clock)
    // Over 1 MiB, which one read gives.
    for index in 0..<4_000 { try await metadata.put(record(String(repeating: "n", count: 190) + "\(index)")) }
    #expect(try await metadata.load().topics.count == 4_000)
  }

  @Test func `a record that is no topic is data loss, and no broker starts on it`() async throws {
    let clock = ManualClock()
    let store = InMemoryLogStore(clock: clock)
    let metadata = try await LogMetadataStore(store: store, clock: clock)
    for (key, value, isDamage) in [
      ("other/x", "??", false), ("dropping/x", "??", false), ("topic/x", "\u{FF}", true),
    ] {
      var builder = RecordSetBuilder(baseTimestampMs: 0)
      builder.append(key: ByteBuffer(string: key), value: ByteBuffer(string: value), timestampMs: 0)
      let part = AppendPart(
        partition: PartitionID(topic: .metadata, index: 0), batch: try builder.build())
      store.append(AppendRequest.together([part], durability: .durable) { _ in }, fence: .local)
      if isDamage {
        await #expect(throws: StorageError.self) { try await metadata.load() }
        let failure = await #expect(throws: RPCError.self) { try await Broker.testing(over: store, clock: clock) }
        #expect(failure?.code == .dataLoss)
      } else {
        #expect(try await metadata.load().topics.isEmpty)
      }
    }
  }

  @Test(arguments: ["producer/x", "producer-ids", "dropping/00112233445566778899aabbccddeeff"])
  func `a value that does not belong to its key is data loss`(key: String) async throws {
    let clock = ManualClock()
    let store = InMemoryLogStore(clock: clock)
    let metadata = try await LogMetadataStore(store: store, clock: clock)
    var builder = RecordSetBuilder(baseTimestampMs: 0)
    builder.append(key: ByteBuffer(string: key), value: ByteBuffer(bytes: [0xFF]), timestampMs: 0)
    let part = AppendPart(partition: PartitionID(topic: .metadata, index: 0), batch: try builder.build())
    store.append(AppendRequest.together([part], durability: .durable) { _ in }, fence: .local)
    let failure = await #expect(throws: StorageError.self) { try await metadata.load() }
    #expect(failure?.kind == .dataLoss)
    #expect(failure?.message.contains("offset 0") == true, "\(failure?.message ?? "")")
  }

  @Test func `a topic record that makes no sense stops the start`() async throws {
    for bad in [
      TopicRecord(name: "a/b", topicID: ByteBuffer(repeating: 5, count: 16), partitionCount: 1),
      TopicRecord(name: "a", topicID: ByteBuffer(repeating: 5, count: 3), partitionCount: 1),
      TopicRecord(name: "a", topicID: ByteBuffer(repeating: 5, count: 16), partitionCount: 0),
      TopicRecord(name: "a", topicID: ByteBuffer(repeating: 5, count: 16), partitionCount: UInt32.max),
    ] {
      let clock = ManualClock()
      let store = InMemoryLogStore(clock: clock)
      try await LogMetadataStore(store: store, clock: clock).put(bad)
      let failure = await #expect(throws: RPCError.self) { try await Broker.testing(over: store, clock: clock) }
      #expect(failure?.code == .dataLoss)
    }
  }
}
