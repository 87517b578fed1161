import NIOCore
import Synchronization
import TailraceClient
import TailraceTesting
import TailraceWire
import Testing

@Suite(.timeLimit(.minutes(15))) struct ConsumerControlTests {
  private let first = TopicPartition("t", 0)
  private let second = TopicPartition("t", 1)

  @Test func `a partition that is paused is handed out no further until it is resumed`() async throws {
    try await withTopic(partitions: 2) { broker, client in
      try await broker.produce("t", 0, 0..<100)
      var configuration = ConsumerConfiguration(.topics(["t"]))
      configuration.maxBatchRecords = 10
      try await withConsumer(client, configuration) { consumer in
        var numbers: [Int] = []
        var others = 0
        for try await record in consumer.records {
          if record.partition == 0 { numbers.append(record.number) } else { others += 1 }
          if numbers.count == 3, others == 0 {
            // In the middle of a batch: the rest of it stays.
            consumer.pause([first])
            try await broker.produce("t", 1, 0..<5)
          }
          if others == 5, numbers.count == 3 {
            #expect(consumer.lag[first] == 97)
            consumer.resume([first])
          }
          if numbers.count == 100 { break }
        }
        #expect(numbers == Array(0..<100))
        #expect(others == 5)
      }
    }
  }

  @Test func `it goes on where it is told to: offset, beginning, end, time`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<100)
      try await withConsumer(client, ConsumerConfiguration(.topics(["t"]))) { consumer in
        var numbers: [Int] = []
        for try await record in consumer.records {
          numbers.append(record.number)
          switch numbers.count {
          case 2: try await consumer.seek(first, to: .offset(50))
          case 4: try await consumer.seek(first, to: .beginning)
          case 6: try await consumer.seek(first, to: .timestampMs(70))
          case 8:
            try await consumer.seek(first, to: .end)
            #expect(consumer.position(first) == 100)
            try await broker.produce("t", 0, 100..<102)
          default: break
          }
          if numbers.count == 10 { break }
        }
        #expect(numbers == [0, 1, 50, 51, 0, 1, 70, 71, 100, 101])
        let error = await #expect(throws: TailraceError.self) { try await consumer.seek(second, to: .beginning) }
        #expect(error?.code == .notOwner)
      }
    }
  }

  @Test func `a commit of what was handed out before a seek does not move the place`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<10)
      var configuration = ConsumerConfiguration(.group("g", topics: ["t"]))
      configuration.commit = .manual
      try await withConsumer(client, configuration) { consumer in
        var numbers: [Int] = []
        for try await record in consumer.records {
          numbers.append(record.number)
          if numbers.count == 4 {
            try await consumer.seek(first, to: .offset(1))
            try await consumer.commit(record)
            #expect(try await broker.committed("g") == [0: 4])
          }
          if numbers.count == 6 { break }
        }
        #expect(numbers == [0, 1, 2, 3, 1, 2])
      }
    }
  }

  @Test func `who seeks while the broker is away hears of it when the time for a call is over`() async throws {
    try await withTopic { broker, _ in
      try await broker.produce("t", 0, 0..<1)
      let switchboard = try await Switchboard.start(to: broker.port)
      let client = try client(of: broker, port: switchboard.port) { $0.callTimeout = .milliseconds(300) }
      try await withConsumer(client, ConsumerConfiguration(.topics(["t"]))) { consumer in
        _ = try await consumer.take(1)
        switchboard.disconnect()
        let error = await #expect(throws: TailraceError.self) { try await consumer.seek(first, to: .end) }
        #expect(error?.code == .deadlineExceeded)
      }
      await client.close()
      await switchboard.stop()
    }
  }

  @Test func `a callback may choose where a partition begins`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<10)
      let box = Mutex<Consumer?>(nil)
      var configuration = ConsumerConfiguration(.group("g", topics: ["t"]))
      configuration.onAssigned = { partitions in
        for partition in partitions {
          try? await box.withLock { $0 }?.seek(partition, to: .offset(6))
          try? await box.withLock { $0 }?.seek(partition, to: .timestampMs(7))
        }
      }
      try await withConsumer(client, configuration) { consumer in
        box.withLock { $0 = consumer }
        let records = try await consumer.take(1)
        #expect(records.map(\.number) == [7])
        box.withLock { $0 = nil }
      }
    }
  }

  @Test func `partitions are processed at a time, each in its order, and committed when done`() async throws {
    try await withTopic(partitions: 4) { broker, client in
      for partition in 0..<4 {
        for batch in 0..<10 { try await broker.produce("t", UInt32(partition), batch * 20..<batch * 20 + 20) }
      }
      var configuration = ConsumerConfiguration(.group("g", topics: ["t"]))
      configuration.maxBatchRecords = 7
      configuration.commit = .automatic(every: .seconds(3600))
      configuration.closeTimeout = .seconds(600)
      let (read, done) = (Recorder<ConsumerRecord>(), Signal())
      let atWork = Mutex<(now: Set<TopicPartition>, most: Int)>(([], 0))
      let consumer = try Consumer(client, configuration)
      let all = Signal()
      async let processing: Void = consumer.process(maxConcurrent: 3) { batch in
        let isFirst = atWork.withLock { state in
          let isFirst = state.now.insert(batch.topicPartition).inserted
          state.most = max(state.most, state.now.count)
          return isFirst
        }
        #expect(isFirst)
        // Nobody goes on until three are at work: that they can be.
        if atWork.withLock({ $0.most }) < 3 { await all.wait() } else { all.send() }
        for record in batch.records where read.add(record) == 800 { done.send() }
        atWork.withLock { _ = $0.now.remove(batch.topicPartition) }
      }
      await done.wait()
      await consumer.close()
      try await processing
      #expect(atWork.withLock { $0.most } == 3)
      for partition in 0..<4 {
        #expect(read.all.filter { $0.partition == partition }.map(\.number) == Array(0..<200))
      }
      #expect(try await broker.committed("g") == [0: 200, 1: 200, 2: 200, 3: 200])
    }
  }

  @Test func `what a body throws ends the processing, and its batch comes again`() async throws {
    try await withTopic { broker, client in
      try await broker.produce("t", 0, 0..<10)
      var configuration = ConsumerConfiguration(.group("g", topics: ["t"]))
      configuration.maxBatchRecords = 4
      configuration.closeTimeout = .seconds(600)
      let consumer = try Consumer(client, configuration)
      await #expect(throws: CancellationError.self) {
        try await consumer.process { batch in if batch.firstOffset == 4 { throw CancellationError() } }
      }
      await consumer.close()
      let committed = try await broker.committed("g")
      #expect(committed == [0: 4])
    }
  }

  @Test func `a configuration that makes no sense is refused`() throws {
    let client = try Client()
    for change: (inout ConsumerConfiguration) -> Void in [
      { $0.subscription = .group("", topics: ["t"]) }, { $0.subscription = .group("g", topics: []) },
      { $0.subscription = .topics([]) }, { $0.subscription = .partitions([TopicPartition("t", -1)]) },
      { $0.startPosition = .offset(-1) }, { $0.sessionTimeout = .milliseconds(999) },
      { $0.rebalanceTimeout = .seconds(3601) }, { $0.maxBufferedBytes = 0 }, { $0.fetchMaxWait = .seconds(61) },
      { $0.commit = .automatic(every: .zero) }, { $0.closeTimeout = .seconds(3601) },
    ] {
      var configuration = ConsumerConfiguration(.topics(["t"]))
      change(&configuration)
      let error = #expect(throws: TailraceError.self) { try Consumer(client, configuration) }
      #expect(error?.code == .invalidArgument)
    }
  }
}
