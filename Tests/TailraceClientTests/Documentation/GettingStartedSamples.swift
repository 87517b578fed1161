import Logging
import ServiceLifecycle
import TailraceClient
import TailraceTesting
import Testing
import UnixSignals

/// The code of `GettingStarted.md`.
@Suite(.timeLimit(.minutes(15))) struct GettingStartedSamples {
  @Test func `records are produced and read back`() async throws {
    try await withBroker { broker in
      let server = broker.address
      let client = try Client(ClientConfiguration(server: server))

      let admin = AdminClient(client)
      try await admin.createTopic("clicks", partitions: 4)

      let producer = try Producer(client)
      for page in ["/", "/about", "/prices"] {
        try await producer.send(ProducerRecord(key: "ann", value: page), to: "clicks")
      }
      try await producer.close()

      let configuration = ConsumerConfiguration(.group("readers", topics: ["clicks"]))
      try await withConsumer(client, configuration) { consumer in
        var count = 0
        for try await record in consumer.records {
          print(record.offset, try record.value(as: .string) ?? "")
          count += 1
          if count == 3 { break }
        }
      }
      #expect(try await admin.committedOffsets(of: "readers").values.map(\.offset).reduce(0, +) == 3)

      await client.close()
    }
  }

  @Test func `services end in order`() async throws {
    struct ClickCounter: Service {
      let consumer: Consumer

      func run() async throws {
        async let serving: Void = consumer.run()
        for try await record in consumer.records { print(record.offset) }
        try await serving
      }
    }

    try await withBroker { broker in
      try await AdminClient(broker.client).createTopic("clicks")
      let client = try Client(ClientConfiguration(server: broker.address))
      let producer = try Producer(client)
      let consumer = try Consumer(client, ConsumerConfiguration(.topics(["clicks"])))
      let logger = broker.logger
      let group = ServiceGroup(
        services: [client, producer, ClickCounter(consumer: consumer)], gracefulShutdownSignals: [.sigterm],
        logger: logger)
      async let running: Void = group.run()
      try await producer.send(ProducerRecord(value: "/"), to: "clicks")
      await group.triggerGracefulShutdown()
      try await running
      await expect(.failedPrecondition) { try await producer.send(ProducerRecord(value: "/"), to: "clicks") }
    }
  }
}
