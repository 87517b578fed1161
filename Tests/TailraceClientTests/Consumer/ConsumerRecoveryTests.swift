import NIOCore
import Synchronization
import TailraceClient
import TailraceTestSupport
import TailraceTesting
import TailraceTransport
import TailraceWire
import Testing

@Suite(.timeLimit(.minutes(15))) struct ConsumerRecoveryTests {
  private func configuration(_ subscription: ConsumerConfiguration.Subscription) -> ConsumerConfiguration {
    var configuration = ConsumerConfiguration(subscription)
    configuration.commit = .automatic(every: .milliseconds(20))
    return configuration
  }

  @Test(arguments: [true, false], [ConsumerConfiguration.Subscription.topics(["t"]), .group("g", topics: ["t"])])
  func `a broker that restarts loses nothing and mixes nothing up`(
    isOrderly: Bool, subscription: ConsumerConfiguration.Subscription
  ) async throws {
    try await withTopic(partitions: 2, try await fixedPort()) { broker, client in
      for partition in 0..<2 { try await broker.produce("t", UInt32(partition), 0..<50) }
      try await withConsumer(client, configuration(subscription)) { consumer in
        var read: [[Int]] = [[], []]
        var rounds = 1
        for try await record in consumer.records {
          read[record.partition].append(record.number)
          guard read.allSatisfy({ $0.last == rounds * 50 - 1 }) else { continue }
          if rounds == 4 { break }
          try await isOrderly ? broker.restart() : broker.crash()
          for partition in 0..<2 { try await broker.produce("t", UInt32(partition), rounds * 50..<rounds * 50 + 50) }
          rounds += 1
        }
        // What a member had processed and not committed may come twice, from one place on: without that, all is there.
        for partition in 0..<2 { #expect(Set(read[partition]) == Set(0..<200)) }
        if case .topics = subscription { #expect(read == [Array(0..<200), Array(0..<200)]) }
        for numbers in read {
          for (number, next) in zip(numbers, numbers.dropFirst()) { #expect(next <= number + 1) }
        }
      }
    }
  }

  @Test(arguments: [true, false], [ConsumerConfiguration.Subscription.topics(["t"]), .group("g", topics: ["t"])])
  func `a broker that restarts at any moment loses nothing that was acknowledged, while all are at work`(
    isOrderly: Bool, subscription: ConsumerConfiguration.Subscription
  ) async throws {
    var generator = SeededGenerator(for: "restarts")
    let (seed, count) = (generator.seed, 20_000)
    try await withTopic(partitions: 2, try await fixedPort()) { broker, _ in
      let client = try client(of: broker)
      // Batches are many, so that some are under way whenever it happens.
      var producing = ProducerConfiguration()
      producing.batchBytes = 2_000
      producing.maxBufferedBytes = 100_000
      let producer = try Producer(client, producing)
      var restarts = Set((0..<4).map { _ in generator.below(2 * count) })
      var read: [[Int]] = [[], []]
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for number in 0..<count {
            for partition in 0..<2 {
              let record = ProducerRecord(value: ByteBuffer(string: "\(number)"), partition: partition)
              try await producer.enqueue(record, to: "t")
            }
          }
          try await producer.close()
        }
        try await withConsumer(client, configuration(subscription)) { consumer in
          var total = 0
          for try await record in consumer.records {
            read[record.partition].append(record.number)
            if restarts.remove(total) != nil { try await isOrderly ? broker.restart() : broker.crash() }
            total += 1
            if read.allSatisfy({ $0.last == count - 1 }) { break }
          }
        }
        try await group.waitForAll()
      }
      await client.close()
      for (partition, numbers) in read.enumerated() {
        let stored = try await broker.values("t", UInt32(partition)).compactMap(Int.init)
        #expect(stored == Array(0..<count), "seed \(seed)")
        #expect(Set(numbers) == Set(0..<count), "seed \(seed)")
        if case .topics = subscription { #expect(numbers == Array(0..<count), "seed \(seed)") }
        for (number, next) in zip(numbers, numbers.dropFirst()) where next > number + 1 {
          Issue.record("seed \(seed): after \(number) came \(next)")
        }
      }
    }
  }

  @Test(arguments: [ConsumerConfiguration.Subscription.topics(["t"]), .group("g", topics: ["t"])])
  func `records arrive in order and none is missing, however often connections are cut`(
    subscription: ConsumerConfiguration.Subscription
  ) async throws {
    let generator = SeededGenerator(for: "ConsumerRecoveryTests")
    let count = isLongRun ? 1_000_000 : 10_000
    try await withTopic(partitions: 2) { broker, _ in
      for start in stride(from: 0, to: count, by: 100) {
        for partition in 0..<2 { try await broker.produce("t", UInt32(partition), start..<start + 100) }
      }
      let proxy = try await ChaosProxy.start(
        to: broker.port, bytesPerEvent: 15_000, maxSilences: 1, generator: generator)
      let client = try client(of: broker, port: proxy.port)
      var configuration = configuration(subscription)
      configuration.fetchMaxBytes = 20_000
      var read: [[Int]] = [[], []]
      try await withConsumer(client, configuration) { consumer in
        for try await record in consumer.records {
          read[record.partition].append(record.number)
          if read.allSatisfy({ $0.last == count - 1 }) { break }
        }
        proxy.calm()
      }
      await client.close()
      await proxy.stop()
      #expect(proxy.cuts > 5, "seed \(generator.seed)")
      for numbers in read {
        #expect(Set(numbers) == Set(0..<count), "seed \(generator.seed)")
        // A member may read again what it had not committed; one that reads alone has no reason to.
        if case .topics = subscription { #expect(numbers == Array(0..<count), "seed \(generator.seed)") }
        for (number, next) in zip(numbers, numbers.dropFirst()) where next > number + 1 {
          Issue.record("seed \(generator.seed): after \(number) came \(next)")
        }
      }
    }
  }

  @Test func `a member that the group has forgotten joins again and reads from what was committed`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<10)
      let lost = Signal()
      var configuration = configuration(.group("g", topics: ["t"]))
      configuration.commit = .manual
      configuration.onLost = { partitions in if partitions == [TopicPartition("t", 0)] { lost.send() } }
      try await withConsumer(client, configuration) { consumer in
        let records = try await consumer.take(5)
        try await consumer.commit(records[2])
        let member = try #require(try await broker.members("g").first)
        _ = try await broker.call(
          .groupServiceLeaveGroup, LeaveGroupRequest(group: "g", memberID: member.memberID), as: LeaveGroupResponse.self
        )
        await lost.wait()
        #expect(try await consumer.take(7).map(\.number) == Array(3..<10))
        #expect(try await broker.members("g").map(\.memberID) == [member.memberID])
      }
    }
  }

  @Test func `a consumer that is made before its broker is there waits for it`() async throws {
    let options = try await fixedPort()
    let client = try Client(ClientConfiguration(server: "127.0.0.1:\(options.server.port)"))
    let consumer = try Consumer(client, configuration(.group("g", topics: ["t"])))
    let records = Task { try await consumer.take(3) }
    try await withBroker(options) { broker in
      try await broker.createTopic("t")
      try await broker.produce("t", 0, 0..<3)
      let numbers = try await records.value.map(\.number)
      #expect(numbers == [0, 1, 2])
      await consumer.close()
    }
    await client.close()
  }

  @Test func `a client that is closed ends its consumers with an error`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<3)
      let consumer = try Consumer(client, configuration(.topics(["t"])))
      var records = consumer.records.makeAsyncIterator()
      _ = try await records.take(3)
      await client.close()
      let error = await #expect(throws: TailraceError.self) { try await records.take(1) }
      #expect(error?.code == .cancelled)
      await consumer.close()
    }
  }

  @Test func `tasks cancelled at any moment leave nothing behind`() async throws {
    var generator = SeededGenerator(for: "cancelled consumers")
    try await withTopic(partitions: 3) { broker, client in
      for partition in 0..<3 { try await broker.produce("t", UInt32(partition), 0..<100) }
      for round in 0..<40 {
        let steps = generator.below(200)
        var configuration = configuration(
          round % 2 == 0 ? .group("g\(round)", topics: ["t"]) : .topics(["t"]))
        configuration.maxBatchRecords = 1 + generator.below(30)
        let engine = try await cancelled(after: steps, use: round % 3, client, configuration)
        if round % 2 == 0 {
          let count = try await members(broker, "g\(round)")
          #expect(count == 0)
        }
        while engine.isThere { await Task.yield() }
      }
    }
  }

  private func cancelled(
    after steps: Int, use: Int, _ client: Client, _ configuration: ConsumerConfiguration
  ) async throws -> WeakEngine {
    let (consumer, engine) = try weakly(client, configuration)
    let task = Task {
      switch use {
      case 0: for try await _ in consumer.records {}
      case 1: try await consumer.process(maxConcurrent: 3) { _ in await Task.yield() }
      default: try await consumer.run()
      }
    }
    for _ in 0..<steps { await Task.yield() }
    task.cancel()
    _ = await task.result
    await consumer.close()
    return engine
  }

  @Test func `a consumer that nobody refers to any more leaves its group`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<3)
      let engine = try await { () async throws -> WeakEngine in
        let (consumer, engine) = try weakly(client, configuration(.group("g", topics: ["t"])))
        _ = try await consumer.take(3)
        return engine
      }()
      while try await members(broker, "g") > 0 { await Task.yield() }
      while engine.isThere { await Task.yield() }
    }
  }

  private func members(_ broker: TestBroker, _ group: String) async throws -> Int {
    do {
      return try await broker.members(group).count
    } catch let error as RPCError where error.error == .unknownGroup {
      return 0
    }
  }

  private func weakly(
    _ client: Client, _ configuration: ConsumerConfiguration
  ) throws -> (Consumer, WeakEngine) {
    let consumer = try Consumer(client, configuration)
    return (consumer, WeakEngine(consumer))
  }
}

/// Tells whether a consumer's works are still in memory.
private final class WeakEngine: Sendable {
  private let isLive: @Sendable () -> Bool

  init(_ consumer: Consumer) {
    weak let engine = consumer.works
    isLive = { engine != nil }
  }

  var isThere: Bool { isLive() }
}
