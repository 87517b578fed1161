import TailraceBroker
import TailraceTesting
import TailraceWire
import Testing

@Suite struct ListTopicsTests {
  private func list(_ broker: Fixture, _ request: ListTopicsRequest) async throws -> ListTopicsResponse {
    try await broker.call(.adminServiceListTopics, request, as: ListTopicsResponse.self)
  }

  @Test func `topics come by name, page after page, none twice and none left out`() async throws {
    try await withFixture { broker in
      for name in ["delta", "alpha", "echo", "charlie", "bravo"] { try await broker.createTopic(name) }
      var pages: [[String]] = []
      var token = ""
      repeat {
        let answer = try await list(broker, ListTopicsRequest(pageSize: 2, pageToken: token))
        pages.append(answer.topics.map(\.name))
        token = answer.nextPageToken
      } while !token.isEmpty && pages.count < 10
      #expect(pages == [["alpha", "bravo"], ["charlie", "delta"], ["echo"]])
    }
  }

  @Test func `a page that holds just all topics has no successor`() async throws {
    try await withFixture { broker in
      for name in ["a", "b"] { try await broker.createTopic(name) }
      let answer = try await list(broker, ListTopicsRequest(pageSize: 2))
      #expect(answer.topics.map(\.name) == ["a", "b"])
      #expect(answer.nextPageToken.isEmpty)
    }
  }

  @Test func `a prefix leaves out all other names`() async throws {
    try await withFixture { broker in
      for name in ["or", "orders", "orders.eu", "Orders", "xorders"] { try await broker.createTopic(name) }
      #expect(
        try await list(broker, ListTopicsRequest(prefix: "orders")).topics.map(\.name) == ["orders", "orders.eu"])
      #expect(try await list(broker, ListTopicsRequest(prefix: "none")).topics.isEmpty)
    }
  }

  @Test func `the broker's own topics come only where they are asked for`() async throws {
    try await withFixture { broker in
      try await broker.createTopic("orders")
      #expect(try await list(broker, ListTopicsRequest()).topics.map(\.name) == ["orders"])
      let all = try await list(broker, ListTopicsRequest(includeInternal: true)).topics
      #expect(all.map(\.name) == ["__metadata", "__offsets", "orders"])
      #expect(all.map(\.internal) == [true, true, false])
    }
  }

  @Test func `pages hold up to 10,000 topics`() async throws {
    try await withFixture { broker in
      #expect(try await list(broker, ListTopicsRequest(pageSize: 10_000)).topics.isEmpty)
      let failure = try await broker.failure(of: .adminServiceListTopics, ListTopicsRequest(pageSize: 10_001))
      #expect(failure?.code == .invalidArgument)
      #expect(failure?.message == "page_size is 10001; at most 10000 is allowed")
    }
  }
}
