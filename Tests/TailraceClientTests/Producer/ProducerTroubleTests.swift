import NIOCore
import Synchronization
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

@testable import TailraceClient

/// What happens when something goes wrong: brokers that stop, connections that are cut, tasks that are cancelled.
@Suite(.serialized, .timeLimit(.minutes(15))) struct ProducerTroubleTests {
  @Test func `records arrive once and in each key's order, however often connections are cut`() async throws {
    let generator = SeededGenerator(for: "ProducerTroubleTests")
    let (keys, count) = (50, isLongRun ? 1_000_000 : 100_000)
    try await withBroker { broker in
      try await broker.createTopic("chaos", partitions: 3, config: ["durability": "os"])
      let proxy = try await ChaosProxy.start(
        to: broker.port, bytesPerEvent: 40_000, repeatsConnections: true, generator: generator)
      let client = try client(of: broker, port: proxy.port)
      var configuration = ProducerConfiguration()
      configuration.requestTimeout = .seconds(1)
      configuration.batchBytes = 4_000
      // What waits is a part of the whole: it is sent while it is handed over.
      configuration.maxBufferedBytes = 50_000
      try await withProducer(client, configuration) { producer in
        for index in 0..<count {
          let record = ProducerRecord(key: "key \(index % keys)", value: "\(index)")
          try await producer.enqueue(record, to: "chaos")
        }
        // What is left is sent in peace: a cut at every attempt would be bad luck, no fault.
        proxy.calm()
        try await producer.flush()
      }
      await client.close()
      #expect(proxy.cuts > 10 && proxy.repeats > 5, "seed \(generator.seed)")
      await proxy.stop()
      try await expectEachOnce(broker, keys: keys, count: count, seed: generator.seed)
    }
  }

  private func expectEachOnce(_ broker: TestBroker, keys: Int, count: Int, seed: UInt64) async throws {
    var next = (0..<keys).map { $0 }
    var total = 0
    for partition in 0..<UInt32(3) {
      for record in try await broker.records("chaos", partition) {
        let index = try #require(record.value.flatMap { Int(String(buffer: $0)) })
        guard next[index % keys] == index else {
          Issue.record("seed \(seed): \(index) is there, \(next[index % keys]) comes next")
          return
        }
        next[index % keys] += keys
        total += 1
      }
    }
    #expect(total == count, "seed \(seed)")
  }

  @Test(arguments: [false, true])
  func `a broker that comes back finds everything sent meanwhile`(isCrash: Bool) async throws {
    // A restart takes another port: the proxy keeps the address.
    try await withBroker { broker in
      try await broker.createTopic("orders")
      let switchboard = try await Switchboard.start(to: broker.port)
      let client = try client(of: broker, port: switchboard.port)
      let producer = try Producer(client)
      var deliveries: [Delivery] = []
      for round in 0..<3 {
        for index in 0..<300 {
          deliveries.append(try await producer.enqueue(ProducerRecord(value: "\(round) \(index)"), to: "orders"))
        }
        if round < 2 {
          // What a crash leaves is a copy: nothing may be acknowledged after it was made.
          switchboard.disconnect()
          if isCrash { try await broker.crash() } else { try await broker.restart() }
          switchboard.connect(to: broker.port)
        }
      }
      try await producer.close()
      let expected = (0..<3).flatMap { round in (0..<300).map { "\(round) \($0)" } }
      #expect(try await broker.values("orders") == expected)
      for (index, delivery) in deliveries.enumerated() { #expect(try await delivery.value.offset == Int64(index)) }
      await client.close()
      await switchboard.stop()
    }
  }

  @Test func `a producer goes on where the end of the log was lost`() async throws {
    try await withBroker { broker in
      try await broker.createTopic("orders", config: ["durability": "os"])
      let client = try client(of: broker)
      let producer = try Producer(client)
      try await producer.send(ProducerRecord(value: "a"), to: "orders")
      // The broker forgets the producer with the topic.
      _ = try await broker.call(
        .adminServiceDeleteTopic, DeleteTopicRequest(name: "orders"), as: DeleteTopicResponse.self)
      try await broker.createTopic("orders", config: ["durability": "os"])
      #expect(try await producer.send(ProducerRecord(value: "b"), to: "orders").offset == 0)
      #expect(try await producer.send(ProducerRecord(value: "c"), to: "orders").offset == 1)
      try await producer.close()
      await client.close()
    }
  }

  @Test func `without a broker a record fails once its time is over, says why, and closing does not wait for ever`()
    async throws
  {
    try await withBroker { broker in
      let switchboard = try await Switchboard.start(to: broker.port)
      switchboard.disconnect()
      let client = try client(of: broker, port: switchboard.port) { $0.callTimeout = .milliseconds(100) }
      var configuration = ProducerConfiguration()
      configuration.deliveryTimeout = .milliseconds(100)
      let producer = try Producer(client, configuration)
      producer.core.withLock { $0.learn("orders", partitionCount: 1, now: .now(), chance: 0) }
      let error = await failure { try await producer.send(ProducerRecord(value: "b"), to: "orders") }
      #expect(error?.code == .deadlineExceeded && error?.message.contains("never sent") == true)
      // A topic that is not known yet has to be looked up.
      #expect(await failure { try await producer.send(ProducerRecord(value: "b"), to: "other") }?.isRetriable == true)
      try await producer.enqueue(ProducerRecord(value: "c"), to: "orders")
      #expect(await failure { try await producer.close() }?.code == .deadlineExceeded)
      await client.close()
      await switchboard.stop()
    }
  }

  @Test func `a producer that is dropped tells those who wait`() async throws {
    try await withBroker { broker in
      try await broker.createTopic("orders")
      let client = try client(of: broker)
      func deliveryOfNobody() async throws -> Delivery {
        var configuration = ProducerConfiguration()
        configuration.linger = .seconds(3_600)
        configuration.deliveryTimeout = .seconds(7_200)
        return try await Producer(client, configuration).enqueue(ProducerRecord(value: "a"), to: "orders")
      }
      let delivery = try await deliveryOfNobody()
      #expect(await failure { _ = try await delivery.value }?.code == .cancelled)
      await client.close()
    }
  }

  @Test func `whoever is cancelled stops waiting, wherever that is`() async throws {
    try await withBroker { broker in
      try await broker.createTopic("orders")
      let switchboard = try await Switchboard.start(to: broker.port)
      let client = try client(of: broker, port: switchboard.port)
      var configuration = ProducerConfiguration()
      configuration.maxBufferedBytes = 1_000
      let producer = try Producer(client, configuration)
      try await producer.send(ProducerRecord(value: "a"), to: "orders")
      switchboard.disconnect()
      let large = ProducerRecord(value: String(repeating: "x", count: 700))
      let waits: [@Sendable () async throws -> Void] = [
        { try await producer.send(large, to: "orders") },  // for its delivery
        { try await producer.send(large, to: "orders") },  // for room
        { try await producer.send(large, to: "other") },  // for the topic
        { try await producer.flush() },
      ]
      for wait in waits {
        let task = Task { try await wait() }
        for _ in 0..<20 { await Task.yield() }
        task.cancel()
        #expect(await failure { try await task.value }?.code == .cancelled)
      }
      // Nobody is left in the line.
      #expect(producer.core.withLock { $0.buffer.isAwaited } == false)
      let closing = Task { try await producer.close() }
      closing.cancel()
      #expect(await failure { try await closing.value }?.code == .cancelled)
      await client.close()
      await switchboard.stop()
    }
  }

  @Test func `closing while sends are under way settles each of them, and nothing is taken after`() async throws {
    try await withBroker { broker in
      try await broker.createTopic("orders")
      let client = try client(of: broker)
      let producer = try Producer(client)
      let outcomes = await withTaskGroup(of: Bool.self) { group in
        for index in 0..<200 {
          group.addTask {
            await failure { try await producer.send(ProducerRecord(value: "\(index)"), to: "orders") } == nil
          }
        }
        let closing = Task { try? await producer.close() }
        let outcomes = await group.reduce(into: [Bool]()) { $0.append($1) }
        await closing.value
        return outcomes
      }
      let stored = try await broker.records("orders").count
      #expect(outcomes.count == 200)
      #expect(stored == outcomes.filter { $0 }.count)
      #expect(
        await failure { try await producer.send(ProducerRecord(value: "late"), to: "orders") }?.code
          == .failedPrecondition)
      await client.close()
    }
  }

  @Test func `a client that is closed under a producer fails what is under way, and leaves nothing behind`()
    async throws
  {
    try await withBroker { broker in
      try await broker.createTopic("orders")
      let switchboard = try await Switchboard.start(to: broker.port)
      let client = try client(of: broker, port: switchboard.port)
      let left = try await abandonedProducer(client, switchboard)
      let deadline = ContinuousClock.now + .seconds(20)
      while left.producer != nil, .now < deadline { await Task.yield() }
      #expect(left.producer == nil)
      await switchboard.stop()
    }
  }

  private struct Left {
    weak var producer: Producer?
  }

  /// A producer that nobody refers to any more but what is still under way.
  private func abandonedProducer(_ client: Client, _ switchboard: Switchboard) async throws -> Left {
    let producer = try Producer(client)
    try await producer.send(ProducerRecord(value: "a"), to: "orders")
    switchboard.disconnect()
    let delivery = try await producer.enqueue(ProducerRecord(value: "b"), to: "orders")
    await client.close()
    #expect(await failure { _ = try await delivery.value }?.code == .cancelled)
    return Left(producer: producer)
  }
}
