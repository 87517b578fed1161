import InMemoryTracing
import Logging
import MetricsTestKit
import NIOCore
import TailraceClient
import TailraceTesting
import TailraceTransport
import TailraceWire
import Testing

@Suite(.timeLimit(.minutes(15))) struct TelemetryTests {
  /// A broker with a topic `t`, and a client that reports to these.
  private func withClient(
    _ metrics: TestMetrics? = nil, _ tracer: InMemoryTracer? = nil, _ body: (TestBroker, Client) async throws -> Void
  ) async throws {
    try await withTopic { broker, _ in
      let client = try broker.client {
        $0.metrics = metrics
        $0.tracer = tracer
      }
      try await body(broker, client)
      await client.close()
    }
  }

  @Test func `records that are sent and read are counted, and how far a consumer is behind`() async throws {
    let metrics = TestMetrics()
    try await withClient(metrics) { _, client in
      try await withProducer(client) { producer in
        for index in 0..<6 { try await producer.enqueue(.init(value: "\(index)"), to: "t") }
      }
      try await withConsumer(client, ConsumerConfiguration(.topics(["t"]))) { consumer in
        // It fetches ahead, though nobody asks for a record yet.
        _ = consumer.records.makeAsyncIterator()
        let place = [("topic", "t"), ("partition", "0")]
        while (try? metrics.expectGauge("tailrace_client_consumer_lag", place)) == nil { await Task.yield() }
        #expect(try metrics.expectGauge("tailrace_client_consumer_lag", place).values.first == 6)
        _ = try await consumer.take(6)
      }
      #expect(try metrics.expectCounter("tailrace_client_produced_records").totalValue == 6)
      #expect(try metrics.expectCounter("tailrace_client_produced_bytes").totalValue > 6)
      #expect(try metrics.expectCounter("tailrace_client_failed_records").totalValue == 0)
      let topic = [("topic", "t")]
      #expect(try metrics.expectCounter("tailrace_client_consumer_records", topic).totalValue == 6)
    }
  }

  @Test func `calls are timed by method, and those that fail are counted by code`() async throws {
    let metrics = TestMetrics()
    try await withClient(metrics) { _, client in
      let admin = AdminClient(client)
      _ = try await admin.describeTopic("t")
      #expect(await failure { _ = try await admin.describeTopic("nowhere") }?.code == .unknownTopic)
      let method = [("method", RPCMethod.adminServiceDescribeTopic.fullName)]
      #expect(try metrics.expectTimer("tailrace_client_calls", method).values.count == 2)
      let failures = metrics.counters(label: "tailrace_client_call_failures")
      #expect(failures.map(\.totalValue) == [1])
      #expect(failures.first?.dimensions.contains { $0.0 == "method" && $0.1 == method[0].1 } == true)
    }
  }

  @Test func `each call is a span, whose context travels with it, and failures are noted in it`() async throws {
    let tracer = InMemoryTracer()
    try await withClient(nil, tracer) { _, client in
      let admin = AdminClient(client)
      _ = try await admin.describeTopic("t")
      _ = await failure { _ = try await admin.describeTopic("nowhere") }
      let spans = tracer.finishedSpans.filter { $0.operationName == RPCMethod.adminServiceDescribeTopic.fullName }
      #expect(spans.map(\.errors.count) == [0, 1])
      #expect(tracer.activeSpans.isEmpty)
      #expect(tracer.performedContextInjections.count >= 2)
    }
  }
}

@Suite(.timeLimit(.minutes(15))) struct ReconnectAdviceTests {
  private func server(_ dispatcher: EchoDispatcher, port: Int = 0) async throws -> Server {
    try await Server.bind(
      ServerConfiguration(port: port, eventLoopCount: 1), dispatcher: dispatcher,
      logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
  }

  @Test func `a server that is about to stop finishes its calls, and new ones go to its successor`() async throws {
    let (old, new) = (EchoDispatcher(), EchoDispatcher())
    try await withServer(old) { first, port in
      var configuration = ClientConfiguration(server: "127.0.0.1:\(port)")
      configuration.initialBackoff = .milliseconds(5)
      // However busy the machine is.
      configuration.callTimeout = .seconds(300)
      let client = try Client(configuration)
      async let parked = client.call(.logServiceFetch, FetchRequest(), as: FetchResponse.self)
      while old.parked.isEmpty { await Task.yield() }
      async let stopping: Void = first.shutdown(grace: .seconds(300))
      // The address is free once the first one listens no more.
      var found: Server?
      while found == nil {
        found = try? await server(new, port: port)
        await Task.yield()
      }
      let second = try #require(found)
      do {
        for call in old.parked { call.connection.respond(.message(ByteBuffer()), to: call.call.id) }
        _ = try await parked
        async let next = client.call(.logServiceFetch, FetchRequest(), as: FetchResponse.self)
        while new.parked.isEmpty { await Task.yield() }
        for call in new.parked { call.connection.respond(.message(ByteBuffer()), to: call.call.id) }
        _ = try await next
      } catch {
        Issue.record(error)
      }
      await client.close()
      await second.shutdown(grace: .zero)
      await stopping
    }
  }
}
