import NIOCore
import Synchronization
import TailraceTestSupport
import TailraceTesting
import TailraceTransport
import Testing

@testable import TailraceClient

/// What is left behind where a task is cancelled, at whatever it waits for.
@Suite(.timeLimit(.minutes(15))) struct CancellationTests {
  /// A client of its own, with all that a program may wait for.
  private struct Program {
    let client: Client
    let producer: Producer
    let member: Consumer
    let reader: Consumer
    let delivery: Delivery

    init(_ client: Client) async throws {
      self.client = client
      var configuration = ProducerConfiguration()
      configuration.maxBufferedBytes = 2_000
      producer = try Producer(client, configuration)
      delivery = try await producer.enqueue(ProducerRecord(value: "a"), to: "t")
      member = try Consumer(client, ConsumerConfiguration(.group("g", topics: ["t"])))
      reader = try Consumer(client, ConsumerConfiguration(.topics(["t"])))
    }

    /// Each may end in any way, but has to end.
    var waits: [@Sendable () async throws -> Void] {
      let (producer, member, reader, delivery, admin) = (producer, member, reader, delivery, AdminClient(client))
      let (first, large) = (TopicPartition("t", 0), ProducerRecord(value: String(repeating: "x", count: 1_500)))
      return [
        { try await producer.send(large, to: "t") },
        { try await producer.enqueue(large, to: "unknown") },
        { try await producer.flush() },
        { _ = try await delivery.value },
        { for try await _ in member.records {} },
        { for try await _ in reader.batches {} },
        { try await reader.process { _ in await Task.yield() } },
        { try await member.commit() },
        { _ = try await member.committed([first]) },
        { try await reader.seek(first, to: .end) },
        { try await reader.seek(first, to: .offset(0)) },
        { _ = try await admin.describeTopic("t") },
        { try await admin.createTopic("other", partitions: 1) },
        { try await admin.ping() },
      ]
    }
  }

  @Test func `whatever is cancelled, no connection, waiter or continuation is left behind`() async throws {
    var generator = SeededGenerator(for: "CancellationTests")
    try await withBroker { broker in
      try await broker.createTopic("t", config: ["durability": "os"])
      let before = broker.server.connectionCount
      for round in 0..<30 {
        let switchboard = try await Switchboard.start(to: broker.port)
        let program = try await Program(try client(of: broker, port: switchboard.port))
        // Every other time the broker goes away: then they wait for a connection, too.
        if round % 2 == 1 { switchboard.disconnect() }
        var tasks: [Task<Void, any Error>] = []
        for _ in 0..<10 {
          let wait = program.waits[generator.below(program.waits.count)]
          tasks.append(Task { try await wait() })
          for _ in 0..<generator.below(30) { await Task.yield() }
        }
        for task in tasks {
          task.cancel()
          for _ in 0..<generator.below(5) { await Task.yield() }
        }
        for task in tasks { _ = await task.result }
        #expect(program.producer.core.withLock { !$0.buffer.isAwaited }, "seed \(generator.seed)")
        #expect(program.delivery.batch.waiterCount == 0, "seed \(generator.seed)")
        for consumer in [program.member, program.reader] {
          let waiting = await consumer.engine.waiterCount
          #expect(waiting == 0, "seed \(generator.seed)")
        }
        let closing = Task { try await program.producer.close() }
        closing.cancel()
        _ = await closing.result
        await program.member.close()
        await program.reader.close()
        #expect(program.client.link.waiterCount == 0, "seed \(generator.seed)")
        await program.client.close()
        await switchboard.stop()
      }
      // The broker hears a little later that connections are closed.
      while broker.server.connectionCount > before { await Task.yield() }
    }
  }

  @Test func `a client that is closed while it connects leaves no attempt behind`() async throws {
    let silent = try await SilentServer.start()
    let client = try Client(ClientConfiguration(server: "127.0.0.1:\(silent.port)"))
    let call = Task { try await AdminClient(client).ping() }
    while silent.connectionCount == 0 { await Task.yield() }
    await client.close()
    #expect(await failure { _ = try await call.value }?.code == .cancelled)
    while silent.connectionCount > 0 { await Task.yield() }
    await silent.stop()
  }
}
