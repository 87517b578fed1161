import NIOCore
import TailraceClient
import TailraceTesting
import Testing

/// The code of `Producing.md`.
@Suite(.timeLimit(.minutes(15))) struct ProducingSamples {
  private func withTopics(_ body: (Client, AdminClient) async throws -> Void) async throws {
    try await withBroker { broker in
      let admin = AdminClient(broker.client)
      for topic in ["clicks", "orders"] { try await admin.createTopic(topic) }
      try await body(broker.client, admin)
    }
  }

  @Test func `records are sent, handed over and asked for later`() async throws {
    try await withTopics { client, admin in
      let producer = try Producer(client)
      let stored = try await producer.send(ProducerRecord(key: "ann", value: "GET /"), to: "clicks")
      print("stored at offset \(stored.offset) of partition \(stored.partition)")
      #expect(stored == RecordMetadata(topic: "clicks", partition: 0, offset: 0))

      for page in ["/", "/about", "/prices"] {
        try await producer.enqueue(ProducerRecord(key: "ann", value: page), to: "clicks")
      }
      try await producer.flush()
      #expect(try await admin.describeTopic("clicks").partitions.first?.highWatermark == 4)

      let delivery = try await producer.enqueue(ProducerRecord(value: "GET /"), to: "clicks")
      let place = try await delivery.value
      #expect(place.offset == 4)

      let tombstone = ProducerRecord(key: ByteBuffer(string: "ann"), value: nil)
      try await producer.send(tombstone, to: "clicks")

      let orders = JSONCodec(Order.self)
      let order = Order(id: 7, customer: "ann")
      try await producer.send(ProducerRecord(key: order.customer, as: .string, value: order, as: orders), to: "orders")
      try await producer.close()
    }
  }

  @Test func `a producer is configured`() async throws {
    try await withTopics { client, _ in
      var configuration = ProducerConfiguration()
      configuration.compression = .zstd
      configuration.linger = .milliseconds(5)
      configuration.deliveryTimeout = .seconds(30)
      let producer = try Producer(client, configuration)
      try await producer.send(ProducerRecord(value: "GET /"), to: "clicks")
      try await producer.close()
    }
  }

  @Test func `what was handed over is stored when the body ends`() async throws {
    try await withTopics { client, admin in
      try await withProducer(client) { producer in
        try await producer.enqueue(ProducerRecord(value: "GET /"), to: "clicks")
      }
      #expect(try await admin.describeTopic("clicks").partitions.first?.highWatermark == 1)
    }
  }
}
