import NIOCore
import TailraceClient
import TailraceTesting
import TailraceWire
import Testing

@Suite(.timeLimit(.minutes(15))) struct PlainConsumerTests {
  private let first = TopicPartition("t", 0)

  @Test func `all partitions of a topic are read from the beginning, each in its order`() async throws {
    try await withTopic(partitions: 3) { broker, client in
      for partition in 0..<3 { try await broker.produce("t", UInt32(partition), 0..<50) }
      let records = try await withConsumer(client, ConsumerConfiguration(.topics(["t"]))) { try await $0.take(150) }
      for partition in 0..<3 {
        let own = records.filter { $0.partition == partition }
        #expect(own.map(\.number) == Array(0..<50))
        #expect(own.map(\.offset) == (0..<50).map { Int64($0) })
      }
      #expect(records.first?.headers.map(\.name) == ["n"])
      #expect(records.allSatisfy { $0.topic == "t" && $0.timestampMs == Int64($0.number) })
    }
  }

  @Test(arguments: [
    (StartPosition.beginning, 0), (.offset(13), 13), (.timestampMs(27), 27), (.end, 40),
  ])
  func `it begins where it is told to`(start: StartPosition, expected: Int) async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<20)
      try await broker.produce("t", 0, 20..<40)
      var configuration = ConsumerConfiguration(.partitions([first]))
      configuration.startPosition = start
      let begun = Signal()
      configuration.onAssigned = { _ in begun.send() }
      try await withConsumer(client, configuration) { consumer in
        async let record = consumer.take(1).first
        await begun.wait()
        try await broker.produce("t", 0, 40..<41)
        #expect(try await record?.number == expected)
      }
    }
  }

  @Test func `records that are not there yet are waited for`() async throws {
    try await withTopic { broker, client in
      try await withConsumer(client, ConsumerConfiguration(.topics(["t"]))) { consumer in
        var records = consumer.records.makeAsyncIterator()
        var numbers: [Int] = []
        for round in 0..<20 {
          try await broker.produce("t", 0, round * 3..<round * 3 + 3)
          numbers += try await records.take(3).map(\.number)
        }
        #expect(numbers == Array(0..<60))
      }
    }
  }

  @Test(arguments: Compression.allCases)
  func `batches are read however they are compressed`(compression: Compression) async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<500, compression: compression)
      var configuration = ConsumerConfiguration(.topics(["t"]))
      configuration.startPosition = .offset(123)
      let records = try await withConsumer(client, configuration) { try await $0.take(377) }
      #expect(records.map(\.number) == Array(123..<500))
    }
  }

  @Test func `batches are of one partition, in order, and as large as is asked for`() async throws {
    try await withTopic { broker, client in
      for batch in 0..<10 { try await broker.produce("t", 0, batch * 7..<batch * 7 + 7) }
      var configuration = ConsumerConfiguration(.topics(["t"]))
      configuration.maxBatchRecords = 30
      try await withConsumer(client, configuration) { consumer in
        var batches: [ConsumerBatch] = []
        for try await batch in consumer.batches {
          batches.append(batch)
          if batch.lastOffset == 69 { break }
        }
        #expect(batches.flatMap(\.records).map(\.number) == Array(0..<70))
        #expect(batches.allSatisfy { $0.records.count <= 30 && $0.topicPartition == first && $0.highWatermark <= 70 })
        // Small batches of producers come together.
        #expect(batches.contains { $0.records.count > 7 })
        #expect(consumer.lag == [first: 0])
      }
    }
  }

  @Test func `a topic that is not there is said to be so`() async throws {
    try await withTopic { _, client in
      for subscription in [
        ConsumerConfiguration.Subscription.topics(["none"]), .partitions([TopicPartition("none", 0)]),
      ] {
        await #expect(throws: TailraceError.self) {
          try await withConsumer(client, ConsumerConfiguration(subscription)) { _ = try await $0.take(1) }
        }
      }
      let error = await #expect(throws: TailraceError.self) {
        try await withConsumer(client, ConsumerConfiguration(.partitions([TopicPartition("t", 4)]))) {
          _ = try await $0.take(1)
        }
      }
      #expect(error?.code == .unknownPartition)
    }
  }

  @Test func `nothing can be committed without a group`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<1)
      try await withConsumer(client, ConsumerConfiguration(.topics(["t"]))) { consumer in
        _ = try await consumer.take(1)
        let error = await #expect(throws: TailraceError.self) { try await consumer.commit() }
        #expect(error?.code == .failedPrecondition)
      }
    }
  }

  @Test func `what is out of range is read at the nearest place, or not at all`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<10)
      let deleted = try await broker.call(
        .logServiceDeleteRecords, DeleteRecordsRequest(targets: [DeleteRecordsTarget(topic: "t", beforeOffset: 4)]),
        as: DeleteRecordsResponse.self)
      #expect(deleted.results.map(\.error) == [nil])
      var configuration = ConsumerConfiguration(.topics(["t"]))
      configuration.startPosition = .offset(2)
      let nearest = try await withConsumer(client, configuration) { try await $0.take(1) }
      #expect(nearest.map(\.number) == [4])
      configuration.outOfRange = .fail
      let error = await #expect(throws: TailraceError.self) {
        try await withConsumer(client, configuration) { _ = try await $0.take(1) }
      }
      #expect(error?.code == .offsetOutOfRange)
    }
  }
}
