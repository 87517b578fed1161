import NIOCore
import Synchronization
import TailraceTesting
import TailraceWire
import Testing

@testable import TailraceClient

@Suite(.timeLimit(.minutes(10))) struct ProducerTests {
  private func withProducer<Value>(
    _ change: (inout ProducerConfiguration) -> Void = { _ in },
    _ body: (TestBroker, Producer) async throws -> Value
  ) async throws {
    var configuration = ProducerConfiguration()
    change(&configuration)
    try await withBroker { broker in
      try await broker.createTopic("orders")
      let client = try client(of: broker)
      let producer = try Producer(client, configuration)
      _ = try await body(broker, producer)
      try? await producer.close()
      await client.close()
    }
  }

  @Test func `a record that was sent is stored, and its place is told`() async throws {
    try await withProducer { broker, producer in
      for index in 0..<3 {
        let stored = try await producer.send(
          ProducerRecord(key: "k", value: "v\(index)", headers: [RecordHeader("h", "x")]), to: "orders")
        #expect(stored == RecordMetadata(topic: "orders", partition: 0, offset: Int64(index)))
      }
      let records = try await broker.records("orders")
      #expect(records.map { $0.value } == (0..<3).map { ByteBuffer(string: "v\($0)") })
      #expect(records[0].key == ByteBuffer(string: "k"))
      #expect(records[0].headers == [Header(key: "h", value: ByteBuffer(string: "x"))])
      #expect(records[0].timestampMs > 1_700_000_000_000)
    }
  }

  @Test(arguments: ProducerConfiguration.Compression.allCases)
  func `many records share batches, in the order in which they were handed over`(
    compression: ProducerConfiguration.Compression
  ) async throws {
    try await withProducer({ $0.compression = compression }) { broker, producer in
      var deliveries: [Delivery] = []
      for index in 0..<5_000 {
        deliveries.append(try await producer.enqueue(ProducerRecord(value: "value \(index)"), to: "orders"))
      }
      try await producer.flush()
      #expect(try await broker.values("orders") == (0..<5_000).map { "value \($0)" })
      for (index, delivery) in deliveries.enumerated() {
        #expect(try delivery.result?.get().offset == Int64(index))
      }
    }
  }

  @Test func `a key's records go to the partition that every client would choose`() async throws {
    try await withProducer { broker, producer in
      try await broker.createTopic("keyed", partitions: 7)
      for index in 0..<200 {
        let key = "key \(index % 20)"
        let stored = try await producer.send(ProducerRecord(key: key, value: "v"), to: "keyed")
        let expected = ByteBuffer(string: key).withUnsafeReadableBytes {
          MurmurHash2.partition(of: $0, partitionCount: 7)
        }
        #expect(stored.partition == Int(expected))
      }
    }
  }

  @Test func `records without a key are spread over all partitions`() async throws {
    try await withProducer({ $0.batchBytes = 1_000 }) { broker, producer in
      try await broker.createTopic("spread", partitions: 4)
      for _ in 0..<400 {
        try await producer.enqueue(ProducerRecord(value: String(repeating: "x", count: 100)), to: "spread")
      }
      try await producer.flush()
      for partition in 0..<4 {
        #expect(try await broker.records("spread", UInt32(partition)).count > 20)
      }
    }
  }

  @Test func `what cannot be stored fails at once and says why`() async throws {
    try await withProducer { broker, producer in
      #expect(
        await failure { try await producer.send(ProducerRecord(value: "v"), to: "nowhere") }?.code == .unknownTopic)
      let outside = ProducerRecord(value: ByteBuffer(string: "v"), partition: 3)
      #expect(await failure { try await producer.send(outside, to: "orders") }?.code == .unknownPartition)
      let many = ProducerRecord(value: nil, headers: (0..<257).map { RecordHeader("h", "\($0)") })
      #expect(await failure { try await producer.send(many, to: "orders") }?.code == .invalidRecord)
      let odd = ProducerRecord(value: nil, headers: [RecordHeader("a\0", "b")])
      #expect(await failure { try await producer.send(odd, to: "orders") }?.code == .invalidRecord)
      let large = ProducerRecord(value: ByteBuffer(repeating: 1, count: 9 << 20))
      #expect(await failure { try await producer.send(large, to: "orders") }?.code == .batchTooLarge)
      // The broker's own bound: the topic takes batches of up to 1 MiB.
      let refused = ProducerRecord(value: ByteBuffer(repeating: 1, count: 2 << 20))
      #expect(await failure { try await producer.send(refused, to: "orders") }?.code == .batchTooLarge)
      // And it does not stand in the way of those after it.
      #expect(try await producer.send(ProducerRecord(value: "fine"), to: "orders").offset == 0)
      // Flush tells what deliveries that nobody asked would have told.
      #expect(await failure { try await producer.flush() }?.code == .batchTooLarge)
      try await producer.flush()
    }
  }

  @Test func `a partition that was added is found when it is asked for`() async throws {
    try await withProducer { broker, producer in
      try await producer.send(ProducerRecord(value: "v"), to: "orders")
      _ = try await broker.call(
        .adminServiceCreatePartitions, CreatePartitionsRequest(name: "orders", partitionCount: 2),
        as: CreatePartitionsResponse.self)
      let stored = try await producer.send(ProducerRecord(value: ByteBuffer(string: "v"), partition: 1), to: "orders")
      #expect(stored.partition == 1)
    }
  }

  @Test func `keys go to all partitions some time after some were added, however little is sent`() async throws {
    try await withProducer { broker, producer in
      try await producer.send(ProducerRecord(key: "k", value: "v"), to: "orders")
      _ = try await broker.call(
        .adminServiceCreatePartitions, CreatePartitionsRequest(name: "orders", partitionCount: 50),
        as: CreatePartitionsResponse.self)
      // Learnt long ago, so to speak.
      producer.core.withLock {
        $0.learn("orders", partitionCount: 1, now: .now() - .minutes(6), chance: 0)
      }
      var partition = 0
      while partition == 0 {
        partition = try await producer.send(ProducerRecord(key: "k", value: "v"), to: "orders").partition
      }
      let key = ByteBuffer(string: "k")
      #expect(partition == key.withUnsafeReadableBytes { Int(MurmurHash2.partition(of: $0, partitionCount: 50)) })
    }
  }

  @Test func `a partitioner of one's own decides, and an answer that makes no sense fails the record`() async throws {
    struct ByLength: Partitioner {
      func partition(of record: TailraceClient.ProducerRecord, topic: String, partitionCount: Int) -> Int? {
        switch record.value?.readableBytes ?? 0 {
        case 0: nil
        case 9: partitionCount
        case 8: -1
        case let count: count
        }
      }
    }
    try await withProducer({ $0.partitioner = ByLength() }) { broker, producer in
      try await broker.createTopic("custom", partitions: 4)
      for count in 1...3 {
        let value = String(repeating: "x", count: count)
        #expect(try await producer.send(ProducerRecord(value: value), to: "custom").partition == count)
      }
      _ = try await producer.send(ProducerRecord(value: ""), to: "custom")
      for count in [8, 9] {
        let record = ProducerRecord(value: String(repeating: "x", count: count))
        #expect(await failure { try await producer.send(record, to: "custom") }?.code == .unknownPartition)
      }
      // One that a record names goes before.
      let named = ProducerRecord(value: ByteBuffer(string: "xx"), partition: 0)
      #expect(try await producer.send(named, to: "custom").partition == 0)
    }
  }

  @Test func `a full buffer holds back whoever hands over, and lets go again`() async throws {
    try await withProducer({
      $0.maxBufferedBytes = 10_000
      $0.batchBytes = 2_000
    }) { broker, producer in
      for index in 0..<2_000 {
        try await producer.enqueue(
          ProducerRecord(value: "\(index) " + String(repeating: "x", count: 500)), to: "orders")
        #expect(producer.core.withLock { $0.buffer.usedBytes } <= 10_000)
      }
      try await producer.flush()
      #expect(producer.core.withLock { $0.buffer.usedBytes } == 0)
      #expect(try await broker.records("orders").count == 2_000)
    }
  }

  @Test func `records of many tasks are all stored, each task's in its order`() async throws {
    try await withProducer { broker, producer in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<20 {
          group.addTask {
            for index in 0..<50 { try await producer.send(ProducerRecord(value: "\(task) \(index)"), to: "orders") }
          }
        }
        try await group.waitForAll()
      }
      let values = try await broker.values("orders")
      #expect(values.count == 1_000)
      for task in 0..<20 {
        #expect(values.filter { $0.hasPrefix("\(task) ") } == (0..<50).map { "\(task) \($0)" })
      }
    }
  }

  @Test func `lingering gathers what comes alone`() async throws {
    try await withProducer({
      $0.linger = .seconds(3_600)
      $0.deliveryTimeout = .seconds(7_200)
    }) { broker, producer in
      for index in 0..<20 { try await producer.enqueue(ProducerRecord(value: "\(index)"), to: "orders") }
      #expect(try await broker.records("orders").isEmpty)
      try await producer.flush()
      let batches = try await broker.call(
        .logServiceFetch, FetchRequest(targets: [FetchTarget(topic: "orders")]), as: FetchResponse.self)
      #expect(batches.partitions.first?.batches.count == 1)
    }
  }

  @Test func `what has lingered is sent by itself`() async throws {
    try await withProducer({ $0.linger = .milliseconds(1) }) { _, producer in
      let stored = try await producer.send(ProducerRecord(value: "v"), to: "orders")
      #expect(stored.offset == 0)
    }
  }

  @Test func `acks none tell nothing, and the records are there`() async throws {
    try await withProducer({ $0.acks = .none }) { broker, producer in
      #expect(try await producer.send(ProducerRecord(value: "v"), to: "orders").offset == -1)
      while try await broker.records("orders").isEmpty { await Task.yield() }
    }
  }

  @Test func `a producer that starts later under the same name fences the earlier one`() async throws {
    try await withProducer({ $0.name = "orders-writer" }) { broker, producer in
      try await producer.send(ProducerRecord(value: "old"), to: "orders")
      var configuration = ProducerConfiguration()
      configuration.name = "orders-writer"
      let client = try client(of: broker)
      let second = try Producer(client, configuration)
      try await second.send(ProducerRecord(value: "new"), to: "orders")
      #expect(
        await failure { try await producer.send(ProducerRecord(value: "late"), to: "orders") }?.code == .producerFenced)
      #expect(
        await failure { try await producer.send(ProducerRecord(value: "later"), to: "orders") }?.code == .producerFenced
      )
      #expect(try await broker.values("orders") == ["old", "new"])
      try await second.close()
      await client.close()
    }
  }

  @Test func `a record that is refused for good does not make a named producer fence itself`() async throws {
    try await withProducer({
      $0.name = "writer"
      $0.batchBytes = 100
    }) { broker, producer in
      try await broker.createTopic("two", partitions: 2)
      func record(_ text: String, _ partition: Int) -> TailraceClient.ProducerRecord {
        ProducerRecord(value: ByteBuffer(string: text), partition: partition)
      }
      var deliveries: [Delivery] = []
      for round in 0..<20 {
        // Too large for the topic, with others right behind it.
        let large = ProducerRecord(value: ByteBuffer(repeating: 1, count: 2 << 20), partition: 0)
        try await producer.enqueue(large, to: "two")
        for partition in [0, 1] {
          for index in 0..<5 {
            let text = "\(round) \(index) " + String(repeating: "x", count: 80)
            deliveries.append(try await producer.enqueue(record(text, partition), to: "two"))
          }
        }
      }
      #expect(await failure { try await producer.flush() }?.code == .batchTooLarge)
      for delivery in deliveries { #expect(delivery.result.map { (try? $0.get()) != nil } == true) }
      for partition in [UInt32(0), 1] { #expect(try await broker.records("two", partition).count == 100) }
    }
  }

  @Test func `a topic that is made anew with fewer partitions takes records`() async throws {
    try await withProducer { broker, producer in
      try await broker.createTopic("shrinking", partitions: 50)
      for _ in 0..<50 { try await producer.send(ProducerRecord(value: "v"), to: "shrinking") }
      _ = try await broker.call(
        .adminServiceDeleteTopic, DeleteTopicRequest(name: "shrinking"), as: DeleteTopicResponse.self)
      try await broker.createTopic("shrinking", partitions: 1)
      // The first ones may be on their way to partitions that are gone.
      for _ in 0..<5
      where await failure({ try await producer.send(ProducerRecord(value: "v"), to: "shrinking") }) == nil {
        return
      }
      Issue.record("nothing is taken")
    }
  }

  @Test func `configurations that make no sense are refused`() async throws {
    try await withBroker { broker in
      let client = try client(of: broker)
      for change in [
        { $0.batchBytes = 0 }, { $0.maxInFlightBatches = 6 }, { $0.maxBufferedBytes = 0 }, { $0.linger = .seconds(-1) },
        { $0.deliveryTimeout = .zero }, { $0.name = "" },
        {
          $0.linger = .seconds(2)
          $0.deliveryTimeout = .seconds(2)
        },
      ] as [(inout ProducerConfiguration) -> Void] {
        var configuration = ProducerConfiguration()
        change(&configuration)
        #expect(await failure { _ = try Producer(client, configuration) }?.code == .invalidArgument)
      }
      await client.close()
    }
  }
}
