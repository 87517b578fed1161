import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Fetches that need not wait.
@Suite struct FetchHandlerTests {
  @Test func `batches come with the partition's figures`() async throws {
    try await withFixture { broker in
      let topic = try await broker.createTopic(partitions: 2)
      _ = try await broker.produce([try batch(["a", "b"]), try batch(["c"])], partition: 1)
      let fetched = try await broker.fetch(partition: 1)
      #expect(fetched.topic == "orders")
      #expect(fetched.topicID == topic.topicID)
      #expect(fetched.partition == 1)
      #expect(fetched.error == nil)
      #expect(fetched.highWatermark == 3)
      #expect(fetched.logStartOffset == 0)
      #expect(fetched.batches.map(\.baseOffset) == [0, 2])
      #expect(fetched.batches.map(\.recordCount) == [2, 1])
      #expect(fetched.records.isEmpty)
    }
  }

  @Test func `batches are the log's own bytes`() async throws {
    try await withBroker { broker in
      _ = try await broker.call(
        .adminServiceCreateTopic, CreateTopicRequest(name: "orders"), as: CreateTopicResponse.self)
      // Enough to be sent from the file, not copied.
      let batches = [
        try batch(["a"]), try batch(ofBytes: 100_000), try batch(["b", "c"], compression: .zstd),
      ]
      let produce = ProduceRequest(targets: [ProduceTarget(topic: "orders", partition: 0, batches: batches)])
      _ = try await broker.call(.logServiceProduce, produce, as: ProduceResponse.self)
      let connection = FakeCallConnection(to: broker.dispatcher)
      let fetch = try FetchRequest(targets: [FetchTarget(topic: "orders")]).encoded()
      let answer = await connection.call(.logServiceFetch, fetch)
      guard case .chunks(let chunks) = answer, case .file? = chunks.last else { throw UnexpectedAnswer() }
      let response = try answer.bytes()
      await connection.close()
      let fetched = try answer.decoded(as: FetchResponse.self).partitions[0]
      let byteCount = fetched.batches.reduce(0) { $0 + $1.records.readableBytes + 118 }
      #expect(fetched.batches.map(\.records) == batches.map(\.records))

      let topics = try broker.directory.names(in: "topics").filter { $0.hasPrefix("orders@") }
      let name = try #require(try broker.directory.names(in: "topics/\(topics[0])/0").first { $0.hasSuffix(".log") })
      let segment = try broker.directory.read("topics/\(topics[0])/0/\(name)")
      #expect(segment.readableBytes >= byteCount)
      #expect(
        segment.getSlice(at: 0, length: byteCount)
          == response.getSlice(at: response.readableBytes - byteCount, length: byteCount))
    }
  }

  @Test func `a fetch in the middle of a batch gets that batch whole`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      _ = try await broker.produce([try batch(["a"]), try batch(["b", "c", "d"]), try batch(["e"])])
      #expect(try await broker.fetch(from: 2).batches.map(\.baseOffset) == [1, 4])
      #expect(try await broker.fetch(from: 5).batches.isEmpty)
    }
  }

  @Test func `several partitions are read in order while max_bytes lasts`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 3)
      for partition in 0..<3 as Range<UInt32> {
        _ = try await broker.produce([try batch(ofBytes: 1_000), try batch(ofBytes: 1_000)], partition: partition)
      }
      func counts(_ order: [UInt32], maxBytes: UInt32) async throws -> [Int] {
        let targets = order.map { FetchTarget(topic: "orders", partition: $0) }
        let partitions = try await broker.fetch(FetchRequest(targets: targets, maxBytes: maxBytes))
        #expect(partitions.map(\.partition) == order)
        #expect(partitions.map(\.highWatermark) == [2, 2, 2])
        return partitions.map(\.batches.count)
      }
      #expect(try await counts([0, 1, 2], maxBytes: 0) == [2, 2, 2])
      #expect(try await counts([2, 0, 1], maxBytes: 4_000) == [2, 1, 0])
      // The first batch of all comes whole, no other one does.
      #expect(try await counts([1, 2, 0], maxBytes: 1) == [1, 0, 0])
    }
  }

  @Test func `a target's own max_bytes bounds it alone`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      for partition in 0..<2 as Range<UInt32> {
        _ = try await broker.produce([try batch(ofBytes: 1_000), try batch(ofBytes: 1_000)], partition: partition)
      }
      let targets = [
        FetchTarget(topic: "orders", partition: 0, maxBytes: 1_500), FetchTarget(topic: "orders", partition: 1),
      ]
      #expect(try await broker.fetch(FetchRequest(targets: targets)).map(\.batches.count) == [1, 2])
    }
  }

  @Test func `without max_bytes the native door gives 8 MiB, gRPC 1 MiB`() async throws {
    for (door, expected) in [(Door.native, 9), (.grpc, 1)] {
      try await withFixture(door: door) { broker in
        try await broker.createTopic()
        for _ in 0..<10 { _ = try await broker.produce([try batch(ofBytes: 900_000)]) }
        #expect(try await broker.fetch().batches.count == expected)
      }
    }
  }

  @Test func `failures of some targets are no failures of the others`() async throws {
    try await withFixture { broker in
      let topic = try await broker.createTopic()
      _ = try await broker.produce([try batch(["a"])])
      let id = ByteBuffer(repeating: 9, count: 16)
      for decode in [false, true] {
        let partitions = try await broker.fetch(
          FetchRequest(
            targets: [
              FetchTarget(topic: "unknown"), FetchTarget(topic: "orders", partition: 1),
              FetchTarget(topic: "orders", topicID: id), FetchTarget(topic: "__metadata"),
              FetchTarget(topic: "orders", topicID: topic.topicID),
            ], decode: decode))
        #expect(
          partitions.map { $0.error?.code }
            == [.unknownTopic, .unknownPartition, .unknownTopicID, .internalTopic, nil])
        #expect(partitions.map { $0.batches.count + $0.records.count } == [0, 0, 0, 0, 1])
        #expect(partitions.map(\.topic) == ["unknown", "orders", "orders", "__metadata", "orders"])
      }
    }
  }

  @Test(arguments: [-1, 3, Int64.min, Int64.max])
  func `an offset out of range is told with both bounds`(offset: Int64) async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      _ = try await broker.produce([try batch(["a", "b"])])
      let fetched = try await broker.fetch(from: offset)
      #expect(fetched.error?.code == .offsetOutOfRange)
      #expect(fetched.logStartOffset == 0)
      #expect(fetched.highWatermark == 2)
      #expect(fetched.batches.isEmpty)
    }
  }

  @Test func `a consumer ahead of a log that fell back learns to where`() async throws {
    try await withBroker { broker in
      let create = CreateTopicRequest(name: "orders", config: [ConfigEntry(name: "durability", value: "os")])
      _ = try await broker.call(.adminServiceCreateTopic, create, as: CreateTopicResponse.self)
      let produce = ProduceRequest(
        targets: [ProduceTarget(topic: "orders", partition: 0, batches: [try batch(["a"])])])
      _ = try await broker.call(.logServiceProduce, produce, as: ProduceResponse.self)
      // An unclean start raises the epoch. A reader that saw offset 5 in the old one saw what is lost.
      try await broker.crash()
      let fetch = FetchRequest(targets: [FetchTarget(topic: "orders", offset: 5, lastEpoch: 0)])
      let fetched = try await broker.call(.logServiceFetch, fetch, as: FetchResponse.self).partitions[0]
      #expect(fetched.error?.code == .offsetTruncated)
      #expect(fetched.truncatedTo == 1)
      #expect(fetched.partitionEpoch == 1)
    }
  }
}

private struct UnexpectedAnswer: Error {}
