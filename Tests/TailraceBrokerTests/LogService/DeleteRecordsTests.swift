import NIOCore
import TailraceBroker
import TailraceTesting
import TailraceWire
import Testing

@Suite struct DeleteRecordsTests {
  private func delete(_ broker: Fixture, _ targets: [DeleteRecordsTarget]) async throws -> [DeleteRecordsResult] {
    try await broker.call(
      .logServiceDeleteRecords, DeleteRecordsRequest(targets: targets), as: DeleteRecordsResponse.self
    ).results
  }

  @Test func `the log begins where it is told to, and says so everywhere`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      for index in 0..<10 { _ = try await broker.produce([batch(["\(index)"])]) }
      let results = try await delete(broker, [DeleteRecordsTarget(topic: "orders", beforeOffset: 4)])
      #expect(results == [DeleteRecordsResult(logStartOffset: 4)])
      let below = try await broker.fetch(from: 3)
      #expect(below.error?.code == .offsetOutOfRange)
      #expect(below.logStartOffset == 4 && below.highWatermark == 10)
      #expect(try await broker.fetch(from: 4, decode: true).values == (4..<10).map { "\($0)" })
      let earliest = try await broker.call(
        .logServiceListOffsets,
        ListOffsetsRequest(queries: [OffsetQuery(topic: "orders", position: .earliest)]), as: ListOffsetsResponse.self)
      #expect(earliest.results.map(\.offset) == [4])
    }
  }

  @Test func `-1 is the high watermark`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      for index in 0..<3 { _ = try await broker.produce([batch(["\(index)"])]) }
      for _ in 0..<2 {
        let results = try await delete(broker, [DeleteRecordsTarget(topic: "orders", beforeOffset: -1)])
        #expect(results == [DeleteRecordsResult(logStartOffset: 3)])
      }
      #expect(try await broker.produce([batch(["next"])]).batches[0].baseOffset == 3)
    }
  }

  @Test func `a target that fails leaves the others alone`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      for partition in UInt32(0)...1 {
        for index in 0..<5 { _ = try await broker.produce([batch(["\(index)"])], partition: partition) }
      }
      let results = try await delete(
        broker,
        [
          DeleteRecordsTarget(topic: "orders", partition: 0, beforeOffset: 2),
          DeleteRecordsTarget(topic: "nope", beforeOffset: 2),
          DeleteRecordsTarget(topic: "orders", partition: 2, beforeOffset: 2),
          DeleteRecordsTarget(topic: "__metadata", beforeOffset: -1),
          DeleteRecordsTarget(topic: "orders", topicID: ByteBuffer(repeating: 1, count: 16), beforeOffset: 2),
          DeleteRecordsTarget(topic: "orders", partition: 0, beforeOffset: 6),
          DeleteRecordsTarget(topic: "orders", partition: 0, beforeOffset: -2),
          DeleteRecordsTarget(topic: "orders", partition: 1, beforeOffset: 3),
          DeleteRecordsTarget(topic: "orders", partition: 0, beforeOffset: 1),
        ])
      #expect(
        results.map { $0.error?.code } == [
          nil, .unknownTopic, .unknownPartition, .internalTopic, .unknownTopicID, .offsetOutOfRange, .invalidRequest,
          nil, nil,
        ])
      #expect(results.map(\.logStartOffset) == [2, -1, -1, -1, -1, 2, 2, 3, 2])
      #expect(
        results[6].error?.message
          == "before_offset is -2; it is an offset, from 0 on, or -1 for the high watermark")
    }
  }

  @Test(arguments: [0, 10_001]) func `1 to 10,000 targets are allowed`(count: Int) async throws {
    try await withFixture { broker in
      let failure = try await broker.failure(
        of: .logServiceDeleteRecords,
        DeleteRecordsRequest(targets: Array(repeating: DeleteRecordsTarget(topic: "orders"), count: count)))
      #expect(failure?.code == .invalidArgument)
      #expect(failure?.message == "targets: \(count) given; 1 to 10000 are allowed")
    }
  }
}
