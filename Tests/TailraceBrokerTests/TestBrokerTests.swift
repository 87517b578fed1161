import NIOCore
import TailraceBroker
import TailraceClient
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// A whole broker, over sockets.
@Suite struct TestBrokerTests {
  private func create(_ broker: TestBroker) async throws {
    _ = try await broker.call(
      .adminServiceCreateTopic, CreateTopicRequest(name: "orders"), as: CreateTopicResponse.self)
  }

  private let produce = ProduceRequest(
    targets: [ProduceTarget(topic: "orders", records: [ProduceRecord(value: ByteBuffer(string: "a"))])])
  private let fetch = FetchRequest(targets: [FetchTarget(topic: "orders")], maxWaitMs: 60_000)

  @Test func `what was acknowledged as durable is there after a crash`() async throws {
    try await withBroker { broker in
      try await create(broker)
      for round in 0..<5 as Range<Int64> {
        let response = try await broker.call(.logServiceProduce, produce, as: ProduceResponse.self)
        #expect(response.results.first?.records.map(\.offset) == [round])
        try await broker.crash()
        let fetched = try await broker.call(.logServiceFetch, fetch, as: FetchResponse.self)
        #expect(fetched.partitions.map(\.highWatermark) == [round + 1])
      }
    }
  }

  @Test func `a fetch that waits is woken by a durable produce of another connection`() async throws {
    try await withBroker { broker in
      try await create(broker)
      let other = try await broker.connect()
      let message = try fetch.encoded()
      async let waiting = other.call(.logServiceFetch, message, CallOptions())
      while broker.broker.purgatory.count == 0 { await Task.yield() }
      _ = try await broker.call(.logServiceProduce, produce, as: ProduceResponse.self)
      let fetched = try Response.message(try await waiting).decoded(as: FetchResponse.self)
      #expect(fetched.partitions.map(\.batches.count) == [1])
      #expect(broker.broker.purgatory.count == 0)
      await other.close()
    }
  }

  @Test func `a client that goes away leaves no waiting fetch behind`() async throws {
    try await withBroker { broker in
      try await create(broker)
      let other = try await broker.connect()
      let message = try fetch.encoded()
      other.send(.logServiceFetch, message) { _ in }
      while broker.broker.purgatory.count == 0 { await Task.yield() }
      let closedAt = ContinuousClock.now
      await other.close()
      while broker.broker.purgatory.count > 0 { await Task.yield() }
      // The fetch itself would have waited for a minute.
      #expect(ContinuousClock.now - closedAt < .seconds(30))
    }
  }

  @Test func `a broker that stops answers those that wait`() async throws {
    try await withBroker { broker in
      try await create(broker)
      let other = try await broker.connect()
      let message = try fetch.encoded()
      let waiting = Task { try await other.call(.logServiceFetch, message, CallOptions()) }
      while broker.broker.purgatory.count == 0 { await Task.yield() }
      try await broker.restart()
      let answer = try await Response.message(waiting.value).decoded(as: FetchResponse.self)
      #expect(answer.partitions.map(\.error) == [nil])
      await other.close()
    }
  }

  @Test func `nothing stays behind, however the body ends`() async throws {
    struct Stop: Error {}
    var paths: [String] = []
    for fails in [false, true] {
      try? await withBroker { broker in
        paths.append(broker.directory.path)
        try await create(broker)
        try await broker.crash()
        paths.append(broker.directory.path)
        if fails { throw Stop() }
      }
    }
    #expect(paths.count == 4)
    for path in paths { #expect(try RealFileSystem().status(path) == nil) }
  }
}
