import Logging
import TailraceClient
import TailraceTesting
import Testing

/// The code of `Testing.md`.
@Suite(.timeLimit(.minutes(15))) struct TestingSamples {
  @Test func `an order is there when it was placed`() async throws {
    try await withBroker { broker in
      let admin = AdminClient(broker.client)
      try await admin.createTopic("orders")
      #expect(try await admin.describeTopic("orders").partitions.count == 1)
    }
  }

  @Test func `clients are made for its address`() async throws {
    try await withBroker { broker in
      var configuration = ClientConfiguration(server: broker.address)
      configuration.clientID = "order-service"
      let client = try Client(configuration)
      try await AdminClient(client).ping()
      await client.close()
    }
  }

  @Test func `a producer carries on after a crash`() async throws {
    try await withBroker { broker in
      try await AdminClient(broker.client).createTopic("orders")
      try await withProducer(broker.client) { producer in
        try await producer.send(ProducerRecord(value: "before"), to: "orders")
        try await broker.crash()
        let stored = try await producer.send(ProducerRecord(value: "after"), to: "orders")
        #expect(stored.offset == 1)
      }
    }
  }

  @Test func `a broker logs where it is told to`() async throws {
    var options = TestBroker.Options()
    options.logger = Logger(label: "broker")
    try await withBroker(options) { broker in
      try await AdminClient(broker.client).ping()
    }
  }

  @Test func `records are made without a broker`() throws {
    let order = Order(id: 7, customer: "ann")
    let sent = try ProducerRecord(key: order.customer, as: .string, value: order, as: .json())
    let record = ConsumerRecord(topic: "orders", partition: 0, offset: 41, key: sent.key, value: sent.value)
    #expect(try record.value(as: .json(Order.self)) == order)
  }
}
