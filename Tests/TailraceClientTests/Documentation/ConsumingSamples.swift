import Synchronization
import TailraceClient
import TailraceTesting
import Testing

/// The code of `Consuming.md`.
@Suite(.timeLimit(.minutes(15))) struct ConsumingSamples {
  /// A topic with the orders 1, 2 and 3.
  private func withOrders(_ body: (Client, AdminClient) async throws -> Void) async throws {
    try await withBroker { broker in
      try await AdminClient(broker.client).createTopic("orders")
      try await withProducer(broker.client) { producer in
        for id in 1...3 {
          let order = Order(id: id, customer: "ann")
          try await producer.send(ProducerRecord(value: order, as: .json()), to: "orders")
        }
      }
      try await body(broker.client, AdminClient(broker.client))
    }
  }

  @Test func `a group reads, and how far it has come is committed`() async throws {
    try await withOrders { client, admin in
      let orders = JSONCodec(Order.self)
      try await withConsumer(client, ConsumerConfiguration(.group("billing", topics: ["orders"]))) { consumer in
        for try await record in consumer.records {
          guard let order = try record.value(as: orders) else { continue }
          print("order \(order.id) of \(order.customer)")
          if order.id == 3 { break }
        }
      }
      #expect(try await admin.describeGroup("billing").totalLag == 0)
    }
  }

  @Test func `commits are made by hand`() async throws {
    try await withOrders { client, admin in
      let store = Store()
      var configuration = ConsumerConfiguration(.group("ledger", topics: ["orders"]))
      configuration.commit = .manual
      try await withConsumer(client, configuration) { consumer in
        for try await batch in consumer.batches {
          try await store.append(batch.records)
          try await consumer.commit(batch)
          if batch.records.last?.offset == 2 { break }
        }
      }
      #expect(try await admin.describeGroup("ledger").totalLag == 0 && store.count == 3)
    }
  }

  @Test func `partitions are processed at a time, and read alone`() async throws {
    try await withOrders { client, _ in
      let store = Store()
      var configuration = ConsumerConfiguration(.topics(["orders"]))
      configuration.startPosition = .beginning
      configuration.onAssigned = { partitions in print("reading \(partitions)") }
      configuration.onRevoked = { partitions in print("letting go of \(partitions)") }
      configuration.onLost = { partitions in print("lost \(partitions)") }
      try await withConsumer(client, configuration) { consumer in
        async let processing: Void = {
          try await consumer.process(maxConcurrent: 4) { batch in
            try await store.append(batch.records)
          }
        }()
        while store.count < 3 { await Task.yield() }
        let partition = TopicPartition("orders", 0)
        try await consumer.seek(partition, to: .beginning)
        consumer.pause([partition])
        consumer.resume([partition])
        let behind = consumer.lag.values.reduce(0, +)
        #expect((0...3).contains(behind))
        while store.count < 6 { await Task.yield() }
        await consumer.close()
        try await processing
      }
    }
  }
}

/// What the samples put records into.
private final class Store: Sendable {
  private let records = Mutex(0)

  var count: Int { records.withLock { $0 } }

  func append(_ new: [ConsumerRecord]) async throws { records.withLock { $0 += new.count } }
}
