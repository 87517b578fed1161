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
    try await metadata.remove(topicNamed: "b")
    try await metadata.remove(topicNamed: "c")
    try await metadata.put(record("c", partitions: 2))
    let snapshot = try await LogMetadataStore(store: store, clock: clock).load()
    #expect(snapshot.topics == ["a": record("a", partitions: 9), "c": record("c", partitions: 2)])
    #expect(snapshot.deletedNames == ["b"])
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
    for (key, value, isDamage) in [("other/x", "??", false), ("topic/x", "\u{FF}", true)] {
      var builder = RecordSetBuilder(baseTimestampMs: 0)
      builder.append(key: ByteBuffer(string: key), value: ByteBuffer(string: value), timestampMs: 0)
      let part = AppendPart(
        partition: PartitionID(topic: .metadata, index: 0), batch: try builder.build())
      store.append([AppendRequest(parts: [part], durability: .durable) { _ in }], fence: .local)
      if isDamage {
        await #expect(throws: StorageError.self) { try await metadata.load() }
        let failure = await #expect(throws: RPCError.self) { try await Broker.testing(over: store, clock: clock) }
        #expect(failure?.code == .dataLoss)
      } else {
        #expect(try await metadata.load().topics.isEmpty)
      }
    }
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
