import NIOCore
import TailraceClient
import TailraceTesting
import TailraceWire
import Testing

@Suite(.timeLimit(.minutes(15))) struct AdminRecordsTests {
  private let first = TopicPartition("orders", 0)
  private let second = TopicPartition("orders", 1)
  private let none = TopicPartition("orders", 2)

  /// A topic of two partitions, the first with records of the timestamps 10, 20, 30.
  private func withOrders(_ body: (AdminClient) async throws -> Void) async throws {
    try await withBroker { broker in
      try await AdminClient(broker.client).createTopic("orders", partitions: 2)
      try await produce(broker.client, to: first, timestamps: [10, 20, 30])
      try await body(AdminClient(broker.client))
    }
  }

  @Test func `offsets are looked up by place and by time`() async throws {
    try await withOrders { admin in
      let partitions = [first, second]
      let earliest = try await admin.listOffsets(.earliest, of: partitions).get()
      #expect(earliest.mapValues(\.offset) == [first: 0, second: 0])
      let latest = try await admin.listOffsets(.latest, of: partitions).get()
      #expect(latest.mapValues(\.offset) == [first: 3, second: 0])
      let found = try await admin.listOffsets([first: .timestampMs(15), second: .timestampMs(15)]).get()
      #expect(found[first]?.offset == 1 && found[first]?.timestampMs == 20)
      #expect(found[second]?.offset == 0 && found[second]?.timestampMs == nil)
    }
  }

  @Test func `records are deleted before an offset, or all`() async throws {
    try await withOrders { admin in
      let some = try await admin.deleteRecords([first: .before(2), second: .all]).get()
      #expect(some == [first: 2, second: 0])
      #expect(try await admin.listOffsets(.earliest, of: [first])[first]?.value?.offset == 2)
      let all = try await admin.deleteRecords([first: .all]).get()
      #expect(all == [first: 3])
      #expect(try await admin.describeTopic("orders").partitions.first?.logStartOffset == 3)
    }
  }

  @Test func `a partition that fails does not keep the others from succeeding`() async throws {
    try await withOrders { admin in
      let offsets = try await admin.listOffsets(.latest, of: [first, none, TopicPartition("none", 0)])
      #expect(offsets[first]?.value?.offset == 3)
      #expect(offsets[none]?.code == .unknownPartition)
      #expect(offsets[TopicPartition("none", 0)]?.code == .unknownTopic)
      let starts = try await admin.deleteRecords([first: .before(4), second: .all, none: .all])
      #expect(starts[first]?.code == .offsetOutOfRange && starts[none]?.code == .unknownPartition)
      #expect(starts[second]?.value == 0)
      await expect(.unknownTopic) { try offsets.get() }
    }
  }

  @Test func `what is no partition or no offset is refused, and nothing is nothing`() async throws {
    try await withOrders { admin in
      for number in [-1, Int.max] {
        let partition = TopicPartition("orders", number)
        await expect(.invalidArgument) { try await admin.listOffsets(.latest, of: [partition]) }
        await expect(.invalidArgument) { try await admin.deleteRecords([partition: .all]) }
      }
      await expect(.invalidArgument) { try await admin.deleteRecords([first: .before(-1)]) }
      let (noOffsets, noStarts) = (try await admin.listOffsets([:]), try await admin.deleteRecords([:]))
      #expect(noOffsets.isEmpty && noStarts.isEmpty)
      let earliest = try await admin.listOffsets(.earliest, of: [first]).get()
      #expect(earliest[first]?.offset == 0)
    }
  }
}

extension Result where Failure == TailraceError {
  /// Nil where it is a failure.
  var value: Success? {
    if case .success(let value) = self { value } else { nil }
  }

  /// Of the failure; nil where it is none.
  var code: TailraceError.Code? {
    if case .failure(let error) = self { error.code } else { nil }
  }
}

/// Appends a record for each timestamp.
func produce(
  _ client: Client, to partition: TopicPartition, timestamps: [Int64], retry: Client.Retry = .always
) async throws {
  let records = timestamps.map { ProduceRecord(value: ByteBuffer(string: "a"), timestampMs: $0) }
  let target = ProduceTarget(
    topic: partition.topic, partition: UInt32(partition.partition), records: records)
  let response = try await client.call(
    .logServiceProduce, ProduceRequest(targets: [target]), as: ProduceResponse.self, retry: retry)
  #expect(response.results.allSatisfy { $0.error == nil && $0.records.allSatisfy { $0.error == nil } })
}
