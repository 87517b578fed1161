import TailraceClient
import TailraceTesting
import Testing

/// What users see of `withBroker`.
@Suite(.timeLimit(.minutes(2))) struct TestBrokerTests {
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
