import NIOCore
import Synchronization
import TailraceClient
import TailraceTesting
import TailraceWire
import Testing

@Suite(.timeLimit(.minutes(15))) struct GroupConsumerTests {
  private func configuration(
    _ group: String = "g", manual: Bool = false, _ change: (inout ConsumerConfiguration) -> Void = { _ in }
  ) -> ConsumerConfiguration {
    var configuration = ConsumerConfiguration(.group(group, topics: ["t"]))
    // Longer than any test takes: what is committed is committed for another reason, and no close gives up waiting.
    configuration.commit = manual ? .manual : .automatic(every: .seconds(3600))
    configuration.closeTimeout = .seconds(600)
    change(&configuration)
    return configuration
  }

  @Test func `two members share a topic, and when one leaves the other reads on what was its`() async throws {
    try await withTopic(partitions: 4) { broker, client in
      let read = Recorder<ConsumerRecord>()
      let (settled, both) = (Signal(), Signal())
      let sizes = Mutex([0, 0])
      func member(_ index: Int) -> ConsumerConfiguration {
        configuration {
          $0.onAssigned = { partitions in
            let now = sizes.withLock { sizes in
              sizes[index] += partitions.count
              return sizes
            }
            if now == [2, 2] { settled.send() }
          }
          $0.onRevoked = { partitions in sizes.withLock { $0[index] -= partitions.count } }
        }
      }
      let consumers = try [Consumer(client, member(0)), Consumer(client, member(1))]
      try await withThrowingTaskGroup(of: Void.self) { group in
        for consumer in consumers {
          group.addTask {
            for try await record in consumer.records {
              if read.add(record) >= 400 { both.send() }
            }
          }
        }
        await settled.wait()
        for partition in 0..<4 { try await broker.produce("t", UInt32(partition), 0..<50) }
        await consumers[1].close()
        for partition in 0..<4 { try await broker.produce("t", UInt32(partition), 50..<100) }
        await both.wait()
        await consumers[0].close()
        try await group.waitForAll()
      }
      // Nothing twice: whoever left had committed what it had read.
      for partition in 0..<4 {
        #expect(read.all.filter { $0.partition == partition }.map(\.number) == Array(0..<100))
      }
      #expect(try await broker.committed("g") == [0: 100, 1: 100, 2: 100, 3: 100])
      #expect(try await broker.members("g").isEmpty)
    }
  }

  @Test func `what was asked for behind a record is committed at the end, the record at hand is not`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<10)
      let consumer = try Consumer(client, configuration())
      #expect(try await consumer.take(4).map(\.number) == [0, 1, 2, 3])
      await consumer.close()
      #expect(try await broker.committed("g") == [0: 3])
      // Where the body returns, its last record is done with, too.
      #expect(try await withConsumer(client, configuration()) { try await $0.take(2) }.map(\.number) == [3, 4])
      #expect(try await broker.committed("g") == [0: 5])
    }
  }

  @Test func `a body that fails leaves its last record to come again`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<10)
      await #expect(throws: CancellationError.self) {
        try await withConsumer(client, configuration()) { consumer in
          _ = try await consumer.take(4)
          throw CancellationError()
        }
      }
      #expect(try await broker.committed("g") == [0: 3])
    }
  }

  @Test func `iterating again begins with the record that the last loop was left at, unless it was committed`()
    async throws
  {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<10)
      try await withConsumer(client, configuration()) { consumer in
        let records = try await consumer.take(4)
        #expect(records.map(\.number) == [0, 1, 2, 3])
        #expect(consumer.position(TopicPartition("t", 0)) == 4)
        #expect(try await consumer.take(2).map(\.number) == [3, 4])
        try await consumer.commit()
        #expect(try await broker.committed("g") == [0: 5])
        #expect(try await consumer.take(5).map(\.number) == [5, 6, 7, 8, 9])
      }
    }
  }

  @Test func `while it goes on, what is processed is committed every so often`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<10)
      let often = configuration { $0.commit = .automatic(every: .milliseconds(10)) }
      try await withConsumer(client, often) { consumer in
        var records = consumer.records.makeAsyncIterator()
        _ = try await records.take(4)
        while try await broker.committed("g") != [0: 3] { await Task.yield() }
        _ = try await records.take(6)
        while try await broker.committed("g") != [0: 9] { await Task.yield() }
      }
    }
  }

  @Test func `by hand only what is asked for is committed`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<10)
      try await withConsumer(client, configuration(manual: true)) { consumer in
        let records = try await consumer.take(6)
        #expect(try await broker.committed("g") == [:])
        try await consumer.commit(records[1])
        #expect(try await broker.committed("g") == [0: 2])
        try await consumer.commit()
        #expect(try await broker.committed("g") == [0: 6])
        try await consumer.commit([TopicPartition("t", 0): 3])
        #expect(try await consumer.committed([TopicPartition("t", 0)]) == [TopicPartition("t", 0): 3])
        let error = await #expect(throws: TailraceError.self) {
          try await consumer.commit([TopicPartition("t", 7): 3])
        }
        #expect(error?.code == .notOwner)
        _ = try await consumer.take(4)
      }
      #expect(try await broker.committed("g") == [0: 3])
    }
  }

  @Test func `a partition goes when its record is done with, the callback has returned and the offset is stored`()
    async throws
  {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<10)
      let (atWork, goOn, revoked, letGo, taken) = (Signal(), Signal(), Signal(), Signal(), Signal())
      let events = Recorder<String>()
      let first = configuration {
        $0.onRevoked = { _ in
          events.add("revoked")
          revoked.send()
          await letGo.wait()
          events.add("let go")
        }
      }
      let second = configuration {
        $0.instanceID = "second"
        $0.onAssigned = { _ in
          events.add("taken")
          taken.send()
        }
      }
      let consumer = try Consumer(client, first)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for try await record in consumer.records where record.number == 3 {
            atWork.send()
            await goOn.wait()
            events.add("done")
          }
        }
        await atWork.wait()
        // The only partition goes to whoever is left.
        let other = try Consumer(client, second)
        group.addTask { for try await record in other.records { events.add("\(record.number)") } }
        while try await broker.members("g").count < 2 { await Task.yield() }
        group.addTask { await consumer.close() }
        while !consumer.assignment.isEmpty { await Task.yield() }
        #expect(events.all.isEmpty)
        goOn.send()
        await revoked.wait()
        #expect(events.all == ["done", "revoked"])
        #expect(try await broker.committed("g") == [:])
        letGo.send()
        await taken.wait()
        #expect(events.all.prefix(4) == ["done", "revoked", "let go", "taken"])
        #expect(try await broker.committed("g") == [0: 4])
        while events.all.count < 10 { await Task.yield() }
        #expect(events.all.dropFirst(4) == ["4", "5", "6", "7", "8", "9"])
        await other.close()
        try await group.waitForAll()
      }
    }
  }

  @Test func `a loop may close its own consumer, and the record at hand comes again`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<10)
      var read: [Int] = []
      // If it waited for itself, it would give up after this and commit nothing.
      let consumer = try Consumer(client, configuration { $0.closeTimeout = .seconds(60) })
      for try await record in consumer.records {
        read.append(record.number)
        if record.number == 3 { await consumer.close() }
      }
      #expect(read == [0, 1, 2, 3])
      #expect(try await broker.committed("g") == [0: 3])
      try await withConsumer(client, configuration()) { consumer in
        let again = try await consumer.take(1)
        #expect(again.map(\.number) == [3])
      }
    }
  }

  @Test func `partitions that are added are read`() async throws {
    try await withTopic(partitions: 1) { broker, client in
      try await withConsumer(client, configuration()) { consumer in
        var records = consumer.records.makeAsyncIterator()
        try await broker.produce("t", 0, 0..<5)
        _ = try await records.take(5)
        _ = try await broker.call(
          .adminServiceCreatePartitions, CreatePartitionsRequest(name: "t", partitionCount: 3),
          as: CreatePartitionsResponse.self)
        try await broker.produce("t", 2, 0..<5)
        #expect(try await records.take(5).map(\.partition) == [2, 2, 2, 2, 2])
        #expect(Set(consumer.assignment).isSuperset(of: [TopicPartition("t", 0), TopicPartition("t", 2)]))
      }
    }
  }
}
