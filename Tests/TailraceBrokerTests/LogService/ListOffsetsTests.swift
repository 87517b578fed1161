import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

@Suite struct ListOffsetsTests {
  private func query(_ position: OffsetPosition, _ timestampMs: Int64 = 0, partition: UInt32 = 0) -> OffsetQuery {
    OffsetQuery(topic: "orders", partition: partition, position: position, timestampMs: timestampMs)
  }

  private func list(_ broker: Fixture, _ queries: [OffsetQuery]) async throws -> [OffsetResult] {
    try await broker.call(
      .logServiceListOffsets, ListOffsetsRequest(queries: queries), as: ListOffsetsResponse.self
    ).results
  }

  @Test func `earliest and latest are the ends of what can be read`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      _ = try await broker.produce([try batch(["a", "b", "c"])])
      let results = try await list(
        broker, [query(.earliest), query(.latest), query(.earliest, partition: 1), query(.latest, partition: 1)])
      #expect(results.map(\.offset) == [0, 3, 0, 0])
      #expect(results.map(\.timestampMs) == [-1, -1, -1, -1])
      #expect(results.allSatisfy { $0.error == nil })
    }
  }

  private let times: [Int64] = [10, 20, 20, 5, 30]
  private let lookups: [(timestampMs: Int64, offset: Int64, found: Int64)] = [
    (Int64.min, 0, 10), (-1, 0, 10), (0, 0, 10), (10, 0, 10), (11, 1, 20), (20, 1, 20), (21, 4, 30), (30, 4, 30),
    (31, 5, -1), (Int64.max, 5, -1),
  ]

  private func check(_ results: [OffsetResult]) {
    #expect(results.map(\.offset) == lookups.map(\.offset))
    #expect(results.map(\.timestampMs) == lookups.map(\.found))
  }

  @Test func `a time finds the first record at or after it, else the end`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      _ = try await broker.produce(records: times.map { record("\($0)", timestampMs: $0) })
      check(try await list(broker, lookups.map { query(.timestamp, $0.timestampMs) }))
    }
  }

  @Test func `a time finds the same after a stop, and after a crash`() async throws {
    try await withBroker { broker in
      _ = try await broker.call(
        .adminServiceCreateTopic, CreateTopicRequest(name: "orders"), as: CreateTopicResponse.self)
      for time in times {
        let target = ProduceTarget(topic: "orders", records: [record("\(time)", timestampMs: time)])
        _ = try await broker.call(.logServiceProduce, ProduceRequest(targets: [target]), as: ProduceResponse.self)
      }
      let request = ListOffsetsRequest(queries: lookups.map { query(.timestamp, $0.timestampMs) })
      check(try await broker.call(.logServiceListOffsets, request, as: ListOffsetsResponse.self).results)
      try await broker.restart()
      check(try await broker.call(.logServiceListOffsets, request, as: ListOffsetsResponse.self).results)
      try await broker.crash()
      check(try await broker.call(.logServiceListOffsets, request, as: ListOffsetsResponse.self).results)
    }
  }

  @Test func `look-ups fail on their own`() async throws {
    try await withFixture { broker in
      let topic = try await broker.createTopic()
      let results = try await list(
        broker,
        [
          OffsetQuery(topic: "unknown", position: .latest), query(.latest, partition: 1), query(.unspecified),
          query(OffsetPosition(rawValue: 4)), query(OffsetPosition(rawValue: -1)),
          OffsetQuery(topic: "orders", topicID: ByteBuffer(repeating: 1, count: 16), position: .latest),
          OffsetQuery(topic: "__metadata", position: .latest),
          OffsetQuery(topic: "orders", topicID: topic.topicID, position: .latest),
        ])
      #expect(
        results.map { $0.error?.code } == [
          .unknownTopic, .unknownPartition, .invalidRequest, .invalidRequest, .invalidRequest, .unknownTopicID,
          .internalTopic, nil,
        ])
      #expect(results.map(\.offset) == [-1, -1, -1, -1, -1, -1, -1, 0])
      #expect(results[3].error?.message == "position: 4 is unknown; 1 to 3 are known")
    }
  }

  @Test func `1 to 10,000 look-ups are allowed`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let many = [OffsetQuery](repeating: query(.latest), count: 10_000)
      #expect(try await list(broker, many).count == 10_000)
      for queries in [[], many + [query(.latest)]] {
        let failure = try await broker.failure(of: .logServiceListOffsets, ListOffsetsRequest(queries: queries))
        #expect(failure?.code == .invalidArgument)
        #expect(failure?.message == "queries: \(queries.count) given; 1 to 10000 are allowed")
      }
    }
  }
}
