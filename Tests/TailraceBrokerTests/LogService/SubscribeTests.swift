import NIOCore
import TailraceTesting
import TailraceWire
import Testing

@testable import TailraceBroker

@Suite struct SubscribeTests {
  private func subscribe(_ fixture: Fixture, _ request: SubscribeRequest) async throws -> CallID {
    await fixture.connection.send([(.logServiceSubscribe, try request.encoded())])[0]
  }

  private func request(
    _ partitions: UInt32 = 1, from offset: Int64 = 0, maxBytes: UInt32 = 0, decode: Bool = true
  ) -> SubscribeRequest {
    SubscribeRequest(
      targets: (0..<partitions).map { FetchTarget(topic: "orders", partition: $0, offset: offset) },
      maxBytes: maxBytes, decode: decode)
  }

  /// What it was sent so far, once all that is due is done.
  private func responses(_ fixture: Fixture, _ call: CallID) async throws -> [SubscribeResponse] {
    // Work hops between the loop and other threads: looks until nothing more comes.
    var count = -1
    for _ in 0..<1_000 {
      await fixture.connection.advance(byMs: 0)
      await Task.yield()
      let now = fixture.connection.messages(of: call).count
      if now > 0 && now == count { break }
      count = now
    }
    return try fixture.connection.messages(of: call).map { try SubscribeResponse(decoding: try $0.bytes()) }
  }

  @Test func `what is there comes at once, and what is stored later as it comes`() async throws {
    try await withFixture { fixture in
      try await fixture.createTopic()
      _ = try await fixture.produce(records: [record("a"), record("b")], partition: 0)
      let call = try await subscribe(fixture, request())
      await fixture.connection.grant(1_000_000, to: call)
      #expect(try await responses(fixture, call).flatMap(\.partitions).flatMap(\.values) == ["a", "b"])
      _ = try await fixture.produce(records: [record("c")], partition: 0)
      while fixture.connection.messages(of: call).count < 2 { await fixture.connection.advance(byMs: 0) }
      #expect(try await responses(fixture, call).last?.partitions.first?.values == ["c"])
      #expect(fixture.connection.isInFlight(call))
    }
  }

  @Test func `batches come as they lie in the log, each once`() async throws {
    try await withFixture { fixture in
      try await fixture.createTopic()
      for value in ["a", "b", "c"] { _ = try await fixture.produce([try batch([value])]) }
      let call = try await subscribe(fixture, request(from: 1, maxBytes: 1, decode: false))
      await fixture.connection.grant(1_000_000, to: call)
      while fixture.connection.messages(of: call).count < 2 { await fixture.connection.advance(byMs: 0) }
      let batches = try await responses(fixture, call).map { $0.partitions.flatMap(\.batches) }
      #expect(batches.map { $0.map(\.baseOffset) } == [[1], [2]])
    }
  }

  @Test func `nothing is sent without credit, and no more responses than it pays for`() async throws {
    try await withFixture { fixture in
      try await fixture.createTopic()
      for _ in 0..<5 { _ = try await fixture.produce([try batch(ofBytes: 1_000)]) }
      let call = try await subscribe(fixture, request(decode: false))
      await fixture.connection.advance(byMs: 100)
      #expect(fixture.connection.messages(of: call).isEmpty)
      // The first batch comes whole, though it is larger.
      await fixture.connection.grant(10, to: call)
      #expect(try await responses(fixture, call).flatMap(\.partitions).flatMap(\.batches).count == 1)
      await fixture.connection.advance(byMs: 100)
      #expect(fixture.connection.messages(of: call).count == 1)
      await fixture.connection.grant(100_000, to: call)
      while fixture.connection.messages(of: call).count < 2 { await fixture.connection.advance(byMs: 0) }
      #expect(try await responses(fixture, call).flatMap(\.partitions).flatMap(\.batches).count == 5)
    }
  }

  @Test func `only partitions with news are told of`() async throws {
    try await withFixture { fixture in
      try await fixture.createTopic(partitions: 3)
      _ = try await fixture.produce(records: [record("x", partition: 1)])
      let call = try await subscribe(fixture, request(3))
      await fixture.connection.grant(1_000_000, to: call)
      #expect(try await responses(fixture, call).flatMap(\.partitions).map(\.partition) == [1])
    }
  }

  @Test func `a partition that fails is told of once, and the last one ends the stream`() async throws {
    try await withFixture { fixture in
      try await fixture.createTopic(partitions: 2)
      var wrong = request(2)
      wrong.targets[1].offset = 99
      _ = try await fixture.produce(records: [record("x", partition: 0)])
      let call = try await subscribe(fixture, wrong)
      await fixture.connection.grant(1_000_000, to: call)
      let first = try await responses(fixture, call).flatMap(\.partitions)
      #expect(first.filter { $0.error?.code == .offsetOutOfRange }.map(\.partition) == [1])
      _ = try await fixture.produce(records: [record("y", partition: 0)])
      while fixture.connection.messages(of: call).count < 2 { await fixture.connection.advance(byMs: 0) }
      #expect(try await responses(fixture, call).last?.partitions.map(\.partition) == [0])
      let none = try await subscribe(fixture, request(from: 99))
      await fixture.connection.grant(1_000_000, to: none)
      while fixture.connection.answers(to: none).isEmpty { await fixture.connection.advance(byMs: 0) }
      guard case .end = fixture.connection.answers(to: none)[0] else {
        Issue.record("the stream has no end")
        return
      }
    }
  }

  @Test func `many partitions are read as few are`() async throws {
    try await withFixture { fixture in
      try await fixture.createTopic(partitions: 100)
      for partition in [0, 50, 99] as [UInt32] {
        _ = try await fixture.produce(records: [record("x", partition: partition)])
      }
      let call = try await subscribe(fixture, request(100))
      while fixture.connection.isInFlight(call), fixture.connection.messages(of: call).isEmpty {
        await fixture.connection.grant(1_000_000, to: call)
      }
      #expect(try await responses(fixture, call).flatMap(\.partitions).map(\.partition) == [0, 50, 99])
    }
  }

  @Test func `with plain records, too, the broker is told which epoch was read`() {
    let subscription = Subscription(
      request(from: 5), CallID(rawValue: 1), FakeCallConnection(to: NoDispatcher()))
    var partition = FetchedPartition(topic: "orders")
    partition.partitionEpoch = 3
    partition.nextOffset = 5
    #expect(subscription.take(FetchResponse(partitions: [partition])) == nil)
    #expect(subscription.targets.map(\.lastEpoch) == [nil])
    partition.nextOffset = 8
    #expect(subscription.take(FetchResponse(partitions: [partition])) != nil)
    #expect(subscription.targets.map(\.lastEpoch) == [3])
    #expect(subscription.targets.map(\.offset) == [8])
  }

  @Test func `a request that makes no sense fails`() async throws {
    try await withFixture { fixture in
      try await fixture.createTopic()
      #expect(
        try await fixture.failure(of: .logServiceSubscribe, SubscribeRequest())?.code == .invalidArgument)
    }
  }

  @Test func `a server that stops ends its streams`() async throws {
    try await withFixture { fixture in
      try await fixture.createTopic()
      let call = try await subscribe(fixture, request())
      await fixture.connection.grant(1_000, to: call)
      await fixture.connection.advance(byMs: 0)
      fixture.broker.drain()
      while fixture.connection.answers(to: call).isEmpty { await fixture.connection.advance(byMs: 0) }
      #expect(fixture.connection.answers(to: call)[0].failure?.error == .shuttingDown)
      #expect(fixture.broker.purgatory.count == 0)
    }
  }

  @Test func `a peer that sends nothing more gets the end of its streams`() async throws {
    try await withFixture { fixture in
      try await fixture.createTopic()
      let call = try await subscribe(fixture, request())
      await fixture.connection.grant(1_000, to: call)
      await fixture.connection.advance(byMs: 0)
      await fixture.connection.endInput()
      #expect(fixture.connection.answers(to: call).first?.failure?.code == .cancelled)
      #expect(fixture.broker.purgatory.count == 0)
    }
  }
}

private struct NoDispatcher: RequestDispatcher {
  func dispatch(_ offers: [CallOffer]) {}
  func abandon(_ call: CallID, from connection: any CallConnection) {}
  func inputEnded(on connection: any CallConnection) {}
  func connectionClosed(_ connection: any CallConnection) {}
}
