import NIOCore
import TailraceBroker
import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

/// Calls as a whole: acknowledgements, order, bounds.
@Suite struct ProduceHandlerTests {
  private func message(_ acks: Acks = .unspecified, _ values: [String] = ["a"], to topics: [String] = ["orders"])
    throws -> ByteBuffer
  {
    let targets = try topics.map { ProduceTarget(topic: $0, partition: 0, batches: [try batch(values)]) }
    return try ProduceRequest(acks: acks, targets: targets).encoded()
  }

  @Test(arguments: [
    (Acks.unspecified, "durable", AppendDurability.durable), (.unspecified, "interval", .written),
    (.unspecified, "os", .written), (.none, "durable", .written), (.written, "durable", .written),
    (.durable, "durable", .durable), (.durable, "os", .durable), (.written, "os", .written),
  ])
  func `acks say what a call waits for, and whether its answer is due from the disk, unset ones leave it to the topic`(
    acks: Acks, durability: String, expected: AppendDurability
  ) async throws {
    try await withFixture { broker in
      try await broker.createTopic(config: ["durability": durability])
      _ = await broker.connection.call(.logServiceProduce, try message(acks))
      #expect(broker.store.seen.appends == [[expected]])
      #expect(broker.connection.expectedAnswers == (expected == .durable ? 1 : 0))
    }
  }

  @Test func `unset acks are durable as soon as one of the topics is`() async throws {
    try await withFixture { broker in
      try await broker.createTopic("os")
      try await broker.createTopic("durable", config: ["durability": "durable"])
      _ = await broker.connection.call(.logServiceProduce, try message(to: ["os", "durable"]))
      _ = await broker.connection.call(.logServiceProduce, try message(to: ["os"]))
      #expect(broker.store.seen.appends == [[.durable, .durable], [.written]])
    }
  }

  @Test func `acks NONE is answered at once and once, with an empty response`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      broker.store.holdAppends()
      let calls = await broker.connection.send([
        (.logServiceProduce, try message(Acks.none)), (.logServiceProduce, try message(.written)),
        (.logServiceProduce, try message(Acks.none, to: ["unknown"])),
      ])
      #expect(calls.map { broker.connection.answers(to: $0).count } == [1, 0, 1])
      #expect(try broker.connection.answers(to: calls[0])[0].bytes().readableBytes == 0)
      #expect(try broker.connection.answers(to: calls[2])[0].bytes().readableBytes == 0)
      broker.store.releaseAppends()
      #expect(calls.map { broker.connection.answers(to: $0).count } == [1, 1, 1])
      #expect(try await broker.fetch().highWatermark == 2)
    }
  }

  @Test func `appends of a connection keep their order, whichever of them are compressed`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let count = 60
      let calls = await broker.connection.send(
        try (0..<count).map { number in
          let batch = try batch(["\(number)"], compression: [.none, .zstd, .none, .lz4, .gzip][number % 5])
          let target = ProduceTarget(topic: "orders", partition: 0, batches: [batch])
          return (.logServiceProduce, try ProduceRequest(targets: [target]).encoded())
        })
      for (number, call) in calls.enumerated() {
        let response = try await broker.connection.response(to: call).decoded(as: ProduceResponse.self)
        #expect(response.results.first?.batches.map(\.baseOffset) == [Int64(number)])
      }
      #expect(try await broker.fetch(decode: true).values == (0..<count).map { "\($0)" })
    }
  }

  @Test(arguments: [4, -1, Int32.max]) func `unknown acks are refused`(number: Int32) async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let response = await broker.connection.call(.logServiceProduce, try message(Acks(rawValue: number)))
      #expect(response.failure?.code == .invalidArgument)
      #expect(response.failure?.message == "acks: \(number) is unknown; 0 to 3 are known")
      #expect(broker.store.seen.appends.isEmpty)
    }
  }

  @Test func `a call without targets, and bytes that are no request, are refused`() async throws {
    try await withFixture { broker in
      let empty = await broker.connection.call(.logServiceProduce, ByteBuffer())
      #expect(empty.failure?.code == .invalidArgument)
      #expect(empty.failure?.message == "targets: at least one is needed")
      let garbage = await broker.connection.call(.logServiceProduce, ByteBuffer(repeating: 0xFF, count: 20))
      #expect(garbage.failure?.code == .invalidArgument)
    }
  }

  @Test func `all produce calls of one read are one append, in order`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let calls = await broker.connection.send(
        try (0..<20).map { (.logServiceProduce, try message(.written, ["\($0)"])) })
      #expect(broker.store.seen.appends == [[AppendDurability](repeating: .written, count: 20)])
      let offsets = try calls.map { call in
        try broker.connection.answers(to: call)[0].decoded(as: ProduceResponse.self).results[0].batches[0].baseOffset
      }
      #expect(offsets == Array(0..<20))
      #expect(try await broker.fetch(decode: true).values == (0..<20).map { "\($0)" })
    }
  }

  @Test func `another call between produce calls keeps its place`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let fetch = try FetchRequest(targets: [FetchTarget(topic: "orders")]).encoded()
      let calls = await broker.connection.send([
        (.logServiceProduce, try message()), (.logServiceFetch, fetch), (.logServiceProduce, try message()),
      ])
      #expect(broker.store.seen.appends.count == 2)
      #expect(broker.connection.answeredCalls.suffix(3) == calls)
      let seen = try broker.connection.answers(to: calls[1])[0].decoded(as: FetchResponse.self)
      #expect(seen.partitions.map(\.highWatermark) == [1])
    }
  }

  @Test func `a faulty call among others fails alone`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let calls = await broker.connection.send([
        (.logServiceProduce, try message()), (.logServiceProduce, ByteBuffer(bytes: [0xFF])),
        (.logServiceProduce, try message()),
      ])
      #expect(calls.map { broker.connection.answers(to: $0).count } == [1, 1, 1])
      #expect(calls.map { broker.connection.answers(to: $0)[0].failure?.code } == [nil, .invalidArgument, nil])
      #expect(broker.store.seen.appends == [[.written, .written]])
    }
  }

  @Test func `what the store refuses, or cannot tell, is told so`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      broker.store.fail(.append(.refused(StorageError(.full, "no space left"))))
      var result = try await broker.produce([try batch(["a"])])
      #expect(result.batches.map { $0.error?.code } == [.storageFull])
      broker.store.fail(.append(.unknown(StorageError(.inputOutput, "fsync EIO"))))
      result = try await broker.produce([try batch(["a"])])
      #expect(result.batches.map { $0.error?.code } == [.unknownOutcome])
      #expect(result.batches.map(\.baseOffset) == [-1])
      broker.store.fail(
        .append(.duplicate(AppendedBatch(baseOffset: Offset(41), appendTimestampMs: 7))))
      result = try await broker.produce([try batch(["a"])])
      #expect(result.batches == [BatchResult(baseOffset: 41, appendTimestampMs: 7, duplicate: true)])
      #expect(try await broker.produce(records: [record("a")]).map(\.offset) == [41])
    }
  }

  @Test func `a call has at most 300,000 parts`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let records = [ProduceRecord](repeating: ProduceRecord(), count: 299_999)
      var request = ProduceRequest(targets: [ProduceTarget(topic: "orders", records: records)])
      let results = try await broker.call(.logServiceProduce, request, as: ProduceResponse.self).results
      #expect(results.first?.records.last == RecordResult(partition: 0, offset: 299_998))
      request.targets.append(ProduceTarget(topic: "orders"))
      let failure = try await broker.failure(of: .logServiceProduce, request)
      #expect(failure?.code == .invalidArgument)
      #expect(failure?.error == .limitReached)
    }
  }

  @Test func `the response fits a frame however much fails`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(String(repeating: "t", count: 200))
      let records = [ProduceRecord](repeating: ProduceRecord(partition: UInt32.max), count: 299_999)
      let request = ProduceRequest(
        targets: [ProduceTarget(topic: String(repeating: "t", count: 200), records: records)])
      let bytes = try await broker.connection.call(.logServiceProduce, try request.encoded()).bytes()
      #expect(bytes.readableBytes < (16 << 20) - 64)
      let response = try Response.message(bytes).decoded(as: ProduceResponse.self)
      #expect(response.results[0].records.count == 299_999)
      #expect(response.results[0].records.allSatisfy { $0.error?.code == .unknownPartition })
      #expect(response.results[0].records[0].error?.message.isEmpty == false)
    }
  }

  @Test func `a topic name of megabytes is not sent back`() async throws {
    try await withFixture { broker in
      let results = try await broker.produce([ProduceTarget(topic: String(repeating: "n", count: 1 << 20))])
      #expect(try #require(results[0].error).message.utf8.count < 500)
    }
  }
}
