import TailraceClient
import TailraceTesting
import Testing

/// The Swift code of the README.
@Suite(.timeLimit(.minutes(15))) struct ReadmeSamples {
  private struct Billed: Error, Equatable {
    let order: Order
  }

  private func bill(_ order: Order) async throws { throw Billed(order: order) }

  @Test func `an order is sent, read and billed`() async throws {
    try await withBroker { broker in
      try await AdminClient(broker.client).createTopic("orders")
      let server = broker.address
      await #expect(throws: Billed(order: Order(id: 7, customer: "ann"))) {
        let client = try Client(ClientConfiguration(server: server))
        let orders = JSONCodec(Order.self)
        try await withProducer(client) { producer in
          let order = Order(id: 7, customer: "ann")
          let record = try ProducerRecord(key: order.customer, as: .string, value: order, as: orders)
          try await producer.send(record, to: "orders")
        }
        try await withConsumer(client, ConsumerConfiguration(.group("billing", topics: ["orders"]))) { consumer in
          for try await record in consumer.records {
            if let order = try record.value(as: orders) { try await bill(order) }
          }
        }
      }
    }
  }
}
