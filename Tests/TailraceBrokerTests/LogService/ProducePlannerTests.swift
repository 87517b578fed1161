import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Plain records: where they go, what is refused, how they are batched.
@Suite struct ProducePlannerTests {
  @Test(
    arguments: [
      ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536), ("abc", 479_470_107),
    ] as [(String, Int32)])
  func `a key's murmur2 hash picks the partition`(key: String, hash: Int32) async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 7)
      let results = try await broker.produce(records: [record("a", key: key), record("b", key: key)])
      let partition = (UInt32(bitPattern: hash) & 0x7fff_ffff) % 7
      #expect(
        results == [
          RecordResult(partition: partition, offset: 0), RecordResult(partition: partition, offset: 1),
        ])
    }
  }

  @Test func `an empty key is hashed, an absent one goes round`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 3)
      // murmur2 of nothing is 275646681.
      let empty = try await broker.produce(records: (0..<4).map { record("\($0)", key: "") })
      #expect(empty.map(\.partition) == [UInt32](repeating: 275_646_681 % 3, count: 4))
      var seen: [UInt32] = []
      for _ in 0..<2 { seen += try await broker.produce(records: (0..<3).map { record("\($0)") }).map(\.partition) }
      #expect(seen == [0, 1, 2, 0, 1, 2])
    }
  }

  @Test func `a record's own partition goes before the target's, that before the key`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 9)
      let results = try await broker.produce(
        records: [record("a", key: "21", partition: 8), record("b", key: "21"), record("c")], partition: 4)
      #expect(results.map(\.partition) == [8, 4, 4])
      #expect(results.map(\.offset) == [0, 0, 1])
      #expect(try await broker.fetch(partition: 4, decode: true).values == ["b", "c"])
    }
  }

  @Test func `records fail on their own, in the request's order`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2, config: ["max_batch_bytes": "1024", "durability": "os"])
      let results = try await broker.produce(
        records: [
          record("first"), record("nowhere", partition: 2), record("old", partition: 0, timestampMs: -1),
          record(String(repeating: "x", count: 1_024), partition: 1), record("last", partition: 0),
        ])
      #expect(results.map { $0.error?.code } == [nil, .unknownPartition, .invalidTimestamp, .batchTooLarge, nil])
      #expect(results.map(\.offset) == [0, -1, -1, -1, 1])
      #expect(results.map(\.partition) == [0, 2, 0, 1, 0])
      #expect(results[1].error?.message == "partition 2 of topic 'orders' does not exist: it has 2 (0-1)")
      #expect(try await broker.fetch(decode: true).values == ["first", "last"])
    }
  }

  @Test func `a record has at most 256 headers`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      func record(headers count: Int) -> ProduceRecord {
        ProduceRecord(headers: (0..<count).map { Header(key: "k\($0)", value: ByteBuffer(string: "v")) })
      }
      let results = try await broker.produce(records: [record(headers: 256), record(headers: 257)])
      #expect(results.map { $0.error?.code } == [nil, .invalidRecord])
      #expect(results[1].error?.message == "a record with 257 headers; the bound is 256")
      let fetched = try await broker.fetch(decode: true)
      #expect(fetched.records.map(\.headers.count) == [256])
    }
  }

  @Test func `timestamps are neither negative nor over an hour ahead`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let bound = ManualClock.startMs + 3_600_000
      let times = [0, bound, -1, bound + 1, Int64.min, Int64.max]
      let results = try await broker.produce(records: times.map { record("\($0)", timestampMs: $0) })
      #expect(
        results.map { $0.error?.code }
          == [nil, nil, .invalidTimestamp, .invalidTimestamp, .invalidTimestamp, .invalidTimestamp])
      #expect(try await broker.fetch(decode: true).records.map(\.timestampMs) == [0, bound])
    }
  }

  @Test func `a record without a timestamp gets the broker's time`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      broker.clock.advance(byMs: 5)
      _ = try await broker.produce(records: [record("a")])
      #expect(try await broker.fetch(decode: true).records.map(\.timestampMs) == [ManualClock.startMs + 5])
    }
  }

  @Test func `the largest record that fits a batch is taken, with any content`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(config: ["max_batch_bytes": "1024", "durability": "os"])
      var largest = 0
      for size in 800...1_024 {
        let result = try await broker.produce(records: [record(String(repeating: "x", count: size))])[0]
        if result.error == nil { largest = size } else { #expect(result.error?.code == .batchTooLarge) }
      }
      #expect((850...906).contains(largest), "\(largest)")
      let sizes = try await broker.fetch(maxBytes: 1 << 20).batches.map { $0.records.readableBytes + 118 }
      #expect(sizes.allSatisfy { $0 <= 1_024 })
    }
  }

  @Test func `many records are split over batches within the topic's bound, every offset is right`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(config: ["max_batch_bytes": "1024", "durability": "os"])
      let records = (0..<200).map { record("value \($0) " + String(repeating: "x", count: $0 % 300)) }
      let results = try await broker.produce(records: records)
      #expect(results.map(\.offset) == Array(0..<200))
      let batches = try await broker.fetch().batches
      #expect(batches.count > 20)
      #expect(batches.allSatisfy { $0.records.readableBytes + 118 <= 1_024 })
      let fetched = try await broker.fetch(decode: true)
      #expect(fetched.values == records.map { $0.value.map { String(buffer: $0) } })
      #expect(fetched.records.map(\.offset) == Array(0..<200))
    }
  }

  @Test func `key, value and headers come back as they were, absent ones absent`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let sent = [
        ProduceRecord(), ProduceRecord(key: ByteBuffer(), value: ByteBuffer()),
        ProduceRecord(
          key: ByteBuffer(bytes: [0, 255]),
          headers: [Header(key: "a", value: ByteBuffer(string: "1")), Header(key: "a"), Header(key: "")]),
      ]
      _ = try await broker.produce(records: sent)
      let records = try await broker.fetch(decode: true).records
      #expect(records.map(\.key) == sent.map(\.key))
      #expect(records.map(\.value) == sent.map(\.value))
      #expect(records.map(\.headers) == sent.map(\.headers))
    }
  }

  @Test func `batches and records do not go together`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let target = ProduceTarget(
        topic: "orders", partition: 0, records: [record("a")], batches: [try batch(["b"])])
      let results = try await broker.produce([target])
      #expect(results.map { $0.error?.code } == [.invalidRequest])
      #expect(results[0].error?.message == "a target holds batches or records, not both")
      #expect(try await broker.fetch().highWatermark == 0)
    }
  }

  @Test func `batches need a partition that exists`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      let batches = [try batch(["a"])]
      let results = try await broker.produce([
        ProduceTarget(topic: "orders", batches: batches),
        ProduceTarget(topic: "orders", partition: 2, batches: batches),
        ProduceTarget(topic: "orders", partition: UInt32.max, batches: batches),
      ])
      #expect(results.map { $0.error?.code } == [.invalidRequest, .unknownPartition, .unknownPartition])
    }
  }

  @Test func `targets fail on their own, and tell why`() async throws {
    try await withFixture { broker in
      let topic = try await broker.createTopic()
      let records = [record("a")]
      let results = try await broker.produce([
        ProduceTarget(topic: "unknown", records: records),
        ProduceTarget(topic: "orders", topicID: topic.topicID, records: records),
        ProduceTarget(topic: "orders", topicID: ByteBuffer(repeating: 1, count: 16), records: records),
        ProduceTarget(topic: "orders", topicID: ByteBuffer(repeating: 1, count: 3), records: records),
        ProduceTarget(topic: "__metadata", partition: 0, records: records),
        ProduceTarget(topic: "orders"),
        ProduceTarget(topic: "orders", records: records),
      ])
      #expect(
        results.map { $0.error?.code }
          == [.unknownTopic, nil, .unknownTopicID, .invalidRequest, .internalTopic, nil, nil])
      #expect(results[1].records.map(\.offset) == [0])
      #expect(results[6].records.map(\.offset) == [1])
      #expect(results[0].error?.message == "there is no topic 'unknown'")
      #expect(results[3].error?.message == "topic_id has 3 bytes; it has 16, or none at all")
    }
  }
}
