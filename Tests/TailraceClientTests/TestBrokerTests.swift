import Synchronization
import TailraceClient
import TailraceTesting
import Testing

/// What users see of `withBroker`.
@Suite(.timeLimit(.minutes(15))) struct TestBrokerTests {
  @Test func `a broker is at the same address, with the same topics, when it was started again`() async throws {
    try await withBroker { broker in
      let admin = AdminClient(broker.client)
      try await admin.createTopic("orders")
      let address = broker.address
      for isCrash in [true, false, true, false] {
        if isCrash { try await broker.crash() } else { try await broker.restart() }
        #expect(broker.address == address)
        #expect(try await admin.listTopics().map(\.name) == ["orders"])
      }
    }
  }

  @Test func `whatever was acknowledged when a crash came is there afterwards`() async throws {
    try await withBroker { broker in
      let admin = AdminClient(broker.client)
      try await admin.createTopic("orders", config: ["durability": "os"])
      let tally = Tally()
      for round in 1...5 {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<8 { group.addTask { await tally.produce(broker.client, round) } }
          let before = tally.stored
          while tally.stored < before + 200 { await Task.yield() }
          try await broker.crash()
          tally.end(round)
          try await group.waitForAll()
        }
        let end = try await admin.describeTopic("orders").partitions.first?.highWatermark ?? 0
        #expect(end >= tally.stored)
        tally.stored = end
      }
    }
  }

  @Test func `brokers run side by side and know nothing of each other`() async throws {
    try await withBroker { first in
      try await withBroker { second in
        try await AdminClient(first.client).createTopic("orders")
        #expect(try await AdminClient(second.client).listTopics().isEmpty)
        #expect(first.address != second.address)
      }
    }
  }

  @Test func `what the body returns or throws comes out, and the broker is gone`() async throws {
    struct Stop: Error, Equatable {}
    let client = try await withBroker { broker in
      try await AdminClient(broker.client).ping()
      return broker.client
    }
    await #expect { try await AdminClient(client).ping() } throws: { ($0 as? TailraceError)?.code == .cancelled }
    await #expect(throws: Stop()) { try await withBroker { _ in throw Stop() } }
  }
}

/// Counts records that were acknowledged.
private final class Tally: Sendable {
  private let state = Mutex((stored: Int64(0), crashes: 0))

  var stored: Int64 {
    get { state.withLock { $0.stored } }
    set { state.withLock { $0.stored = newValue } }
  }

  /// The broker has crashed for the so-many-th time.
  func end(_ round: Int) { state.withLock { $0.crashes = round } }

  /// Produces until the broker has crashed for the so-many-th time. What the crash interrupts may be stored or not.
  func produce(_ client: Client, _ round: Int) async {
    let partition = TopicPartition("orders", 0)
    while !Task.isCancelled, state.withLock({ $0.crashes < round }) {
      guard (try? await TailraceClientTests.produce(client, to: partition, timestamps: [1], retry: .ifNotSent)) != nil
      else { continue }
      state.withLock { $0.stored += 1 }
    }
  }
}
