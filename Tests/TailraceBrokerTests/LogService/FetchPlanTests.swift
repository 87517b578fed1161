import NIOCore
import TailraceBroker
import TailraceTesting
import TailraceWire
import Testing

/// The bounds on a Fetch request.
@Suite struct FetchPlanTests {
  private func failure(_ request: FetchRequest) async throws -> RPCError? {
    var failure: RPCError?
    try await withFixture { broker in
      try await broker.createTopic()
      failure = try await broker.failure(of: .logServiceFetch, request)
    }
    return failure
  }

  @Test func `1 to 10,000 targets are allowed`() async throws {
    func request(_ count: Int) -> FetchRequest {
      FetchRequest(targets: (0..<UInt32(count)).map { FetchTarget(topic: "orders", partition: $0) })
    }
    #expect(try await failure(request(10_000)) == nil)
    for count in [0, 10_001] {
      let failure = try await failure(request(count))
      #expect(failure?.code == .invalidArgument)
      #expect(failure?.message == "targets: \(count) given; 1 to 10000 are allowed")
    }
  }

  @Test func `a partition is read once in a call, so that a small request cannot ask for much work`() async throws {
    let target = FetchTarget(topic: "orders")
    let failure = try await failure(FetchRequest(targets: [target, target]))
    #expect(failure?.code == .invalidArgument)
    #expect(failure?.message == "targets[1]: partition 0 of topic 'orders' is named twice")
  }

  @Test(arguments: [60_001, UInt32.max]) func `nobody waits over a minute`(wait: UInt32) async throws {
    let failure = try await failure(FetchRequest(targets: [FetchTarget(topic: "orders")], maxWaitMs: wait))
    #expect(failure?.code == .invalidArgument)
    #expect(failure?.message == "max_wait_ms is \(wait); at most 60000 is allowed")
  }

  @Test func `a name that no topic can have is refused, since it would have to be sent back`() async throws {
    let good = FetchTarget(topic: String(repeating: "n", count: 200))
    #expect(try await failure(FetchRequest(targets: [good])) == nil)
    let bad = FetchTarget(topic: String(repeating: "n", count: 201))
    let failure = try await failure(FetchRequest(targets: [good, bad]))
    #expect(failure?.code == .invalidArgument)
    #expect(failure?.error == .invalidTopicName)
    #expect(failure?.message == "targets[1].topic has 201 bytes; names have at most 200")
  }

  @Test func `bytes that are no request are refused`() async throws {
    try await withFixture { broker in
      let response = await broker.connection.call(.logServiceFetch, ByteBuffer(repeating: 0xFF, count: 9))
      #expect(response.failure?.code == .invalidArgument)
    }
  }

  @Test func `min_bytes above what the other bounds let through is lowered to them`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      _ = try await broker.produce([try batch(ofBytes: 1_000), try batch(ofBytes: 1_000)])
      let request = FetchRequest(
        targets: [FetchTarget(topic: "orders", maxBytes: 1_000)], minBytes: UInt32.max, maxWaitMs: 60_000)
      // Not parked: the first batch is above the target's max_bytes already.
      #expect(try await broker.fetch(request).map(\.batches.count) == [1])
    }
  }
}
