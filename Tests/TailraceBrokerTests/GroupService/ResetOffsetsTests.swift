import TailraceTesting
import TailraceWire
import Testing

@testable import TailraceBroker

@Suite struct ResetOffsetsTests {
  /// Topic "orders" with 10 records, a second apart, of which the first 2 are deleted, and a group that has come to 5.
  private func withGroup(_ body: (Fixture) async throws -> Void) async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      for index in 0..<10 as Range<Int64> {
        _ = try await broker.produce([batch(["\(index)"], timestampMs: ManualClock.startMs + index * 1_000)])
      }
      let delete = DeleteRecordsRequest(targets: [DeleteRecordsTarget(topic: "orders", beforeOffset: 2)])
      _ = try await broker.call(.logServiceDeleteRecords, delete, as: DeleteRecordsResponse.self)
      try await broker.commit([OffsetCommit(topic: "orders", offset: 5)])
      try await body(broker)
    }
  }

  @Test(
    arguments: [
      (ResetTo.earliest, 0, 2), (.latest, 0, 10), (.offset, 7, 7), (.offset, 0, 2), (.offset, 99, 10), (.offset, -5, 2),
      (.offset, .max, 10), (.timestamp, ManualClock.startMs + 3_500, 4), (.timestamp, ManualClock.startMs + 99_000, 10),
      (.timestamp, 0, 2), (.timestamp, .min, 2), (.shiftBy, 2, 7), (.shiftBy, -1, 4), (.shiftBy, -9, 2),
      (.shiftBy, .max, 10), (.shiftBy, .min, 2),
    ] as [(ResetTo, Int64, Int64)])
  func `offsets are moved where they are told to, inside the log`(
    _ to: ResetTo, _ value: Int64, _ expected: Int64
  ) async throws {
    try await withGroup { broker in
      let result = ResetOffsetsResult(topic: "orders", oldOffset: 5, newOffset: expected)
      let shown = try await broker.reset(to: to, value, dryRun: true)
      let before = try await broker.committed().map(\.offset)
      let moved = try await broker.reset(to: to, value)
      let after = try await broker.committed().map(\.offset)
      #expect(shown == [result] && moved == [result])
      #expect(before == [5] && after == [expected])
    }
  }

  @Test func `a partition that fails leaves the others alone`() async throws {
    try await withGroup { broker in
      let wanted = [
        TopicPartitions(topic: "orders", partitions: [7, 1, 0]), TopicPartitions(topic: "nothing", partitions: [0]),
        TopicPartitions(topic: "__offsets", partitions: [0]),
      ]
      let results = try await broker.reset("g", wanted, to: .latest)
      #expect(results.map(\.topic) == ["__offsets", "nothing", "orders", "orders", "orders"])
      #expect(
        results.map { $0.error?.code } == [.internalTopic, .unknownTopic, nil, nil, .unknownPartition])
      #expect(results.map(\.oldOffset) == [-1, -1, 5, -1, -1])
      #expect(try await broker.committed().map(\.offset) == [10, 0])
      // Where nothing is stored, nothing can be shifted.
      try await broker.createTopic("payments")
      let shifted = try await broker.reset(
        "g", wanted + [TopicPartitions(topic: "payments", partitions: [0])], to: .shiftBy, -1)
      #expect(shifted.last?.error?.code == .invalidRequest)
      #expect(try await broker.committed().map(\.offset) == [9, 0])
    }
  }

  @Test func `a group with members, or that is not there, is left alone`() async throws {
    try await withGroup { broker in
      _ = try await broker.join(member: "m")
      for dryRun in [true, false] {
        func failure(_ group: String, _ to: ResetTo) async throws -> RPCError? {
          try await broker.failure(
            of: .groupServiceResetOffsets, ResetOffsetsRequest(group: group, to: to, dryRun: dryRun))
        }
        #expect(try await failure("g", .latest)?.error == .groupNotEmpty)
        #expect(try await failure("no", .latest)?.error == .unknownGroup)
        #expect(try await failure("g", .unspecified)?.code == .invalidArgument)
        #expect(try await failure("g", ResetTo(rawValue: 77))?.code == .invalidArgument)
      }
      #expect(try await broker.committed().map(\.offset) == [5])
      #expect(try await broker.list().groups.map(\.group) == ["g"])
    }
  }
}
