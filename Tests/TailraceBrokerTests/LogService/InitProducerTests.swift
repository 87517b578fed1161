import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

@Suite struct InitProducerTests {
  private func initialize(_ broker: Fixture, _ name: String? = nil) async throws -> InitProducerResponse {
    try await broker.call(
      .logServiceInitProducer, InitProducerRequest(producerName: name), as: InitProducerResponse.self)
  }

  private func code(_ broker: Fixture, _ batch: RecordBatch) async throws -> ErrorCode? {
    try #require(try await broker.produce([batch]).batches.first).error?.code
  }

  @Test func `ids count from 1, each is handed out once`() async throws {
    try await withFixture { broker in
      for id in Int64(1)...5 {
        #expect(try await initialize(broker) == InitProducerResponse(producerID: id, producerEpoch: 0))
      }
      let ids = try await withThrowingTaskGroup(of: Int64.self) { group in
        for index in 0..<50 {
          group.addTask { try await initialize(broker, index % 2 == 0 ? nil : "name\(index)").producerID }
        }
        return try await group.reduce(into: Set()) { $0.insert($1) }
      }
      #expect(ids == Set(6...55))
    }
  }

  @Test func `the same name gets the same id and the next epoch, and the older one is fenced`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let first = try await initialize(broker, "import")
      #expect(first.producerEpoch == 0)
      #expect(try await code(broker, batch(["a"], producer: first.producerID, sequence: 0)) == nil)
      let second = try await initialize(broker, "import")
      #expect(second == InitProducerResponse(producerID: first.producerID, producerEpoch: 1))
      #expect(try await code(broker, batch(["b"], producer: first.producerID, sequence: 1)) == .producerFenced)
      #expect(try await code(broker, batch(["b"], producer: second.producerID, epoch: 1, sequence: 0)) == nil)
      #expect(try await initialize(broker, "other").producerID != first.producerID)
    }
  }

  @Test func `a batch that is sent again is stored once, with its first offset`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let id = try await initialize(broker).producerID
      let one = try batch(["a", "b"], producer: id, sequence: 0)
      #expect(try await broker.produce([one]).batches.map(\.duplicate) == [false])
      let again = try #require(try await broker.produce([one]).batches.first)
      #expect(again.duplicate && again.baseOffset == 0 && again.error == nil)
      #expect(try await code(broker, batch(["d"], producer: id, sequence: 3)) == .outOfOrderSequence)
      #expect(try await broker.produce([batch(["c"], producer: id, sequence: 2)]).batches[0].baseOffset == 2)
      #expect(try await broker.fetch(decode: true).values == ["a", "b", "c"])
    }
  }

  @Test func `an id that was never handed out is of no use, so its later owner finds nothing of another's`()
    async throws
  {
    try await withFixture { broker in
      try await broker.createTopic()
      for id in [Int64(1), 2, 1_000, .max] {
        let result = try #require(try await broker.produce([batch(["a"], producer: id, sequence: 0)]).batches.first)
        #expect(result.error?.code == .unknownProducer)
        #expect(result.error?.message == "producer id \(id) was never handed out: InitProducer gives one")
      }
      #expect(try await initialize(broker).producerID == 1)
      #expect(try await broker.produce([batch(["a"], producer: 1, sequence: 0)]).batches.map(\.duplicate) == [false])
      #expect(try await code(broker, batch(["a"], producer: 2, sequence: 0)) == .unknownProducer)
      // An epoch that was never handed out is not either.
      #expect(try await code(broker, batch(["a"], producer: 1, epoch: 1, sequence: 0)) == .unknownProducer)
    }
  }

  @Test(arguments: [
    ("", "producer_name has 0 bytes; 1 to 255 are allowed"),
    (String(repeating: "n", count: 256), "producer_name has 256 bytes; 1 to 255 are allowed"),
    (String(repeating: "ü", count: 128), "producer_name has 256 bytes"),
    ("a\nb", "producer_name holds a control character"),
    ("a\u{7F}b", "producer_name holds a control character"),
    ("a\u{85}b", "producer_name holds a control character"),
  ])
  func `an illegal name is refused with the rule it breaks`(name: String, message: String) async throws {
    try await withFixture { broker in
      let failure = try await broker.failure(
        of: .logServiceInitProducer, InitProducerRequest(producerName: name))
      #expect(failure?.code == .invalidArgument)
      #expect(failure?.message.contains(message) == true, "\(failure?.message ?? "")")
      // No id was used up.
      #expect(try await initialize(broker, String(repeating: "n", count: 255)).producerID == 1)
    }
  }

  @Test(arguments: [false, true])
  func `after a stop and a crash ids go on, epochs rise and older ones stay fenced`(isCrash: Bool) async throws {
    try await withBroker { broker in
      func initialize(_ name: String? = nil) async throws -> InitProducerResponse {
        try await broker.call(
          .logServiceInitProducer, InitProducerRequest(producerName: name), as: InitProducerResponse.self)
      }
      var seen: Set<Int64> = []
      for round in UInt32(0)..<3 {
        let named = try await initialize("import")
        #expect(named.producerEpoch == round)
        for _ in 0..<3 { #expect(seen.insert(try await initialize().producerID).inserted) }
        #expect(seen.contains(named.producerID) == false)
        if isCrash { try await broker.crash() } else { try await broker.restart() }
      }
    }
  }
}
