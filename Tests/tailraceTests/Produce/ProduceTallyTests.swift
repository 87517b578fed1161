import NIOCore
import TailraceWire
import Testing

@testable import tailrace

@Suite struct ProduceTallyTests {
  /// Batches of 1, 2, 3, ... records, in partitions 0, 1, 2, ...
  private func batches(_ count: Int) throws -> [PendingBatch] {
    try (1...count).map { number in
      var builder = RecordSetBuilder(baseTimestampMs: 0)
      for _ in 0..<number { builder.append(key: nil, value: ByteBuffer(), timestampMs: 0) }
      return PendingBatch(
        partition: UInt32(number - 1), batch: try builder.build(),
        recordLines: Array(10 * number...10 * number + number - 1))
    }
  }

  private let stored = ProduceResult(batches: [BatchResult(baseOffset: 5)])

  private func refused(_ code: ErrorCode) -> ProduceResult {
    ProduceResult(batches: [BatchResult(baseOffset: -1, error: PartitionError(code: code, message: "why"))])
  }

  @Test func `stored records are counted`() throws {
    var tally = ProduceTally(topic: "t", isUnacknowledged: false)
    tally.take(.success(ProduceResponse(results: [stored, stored])), for: try batches(2))
    #expect(tally.acknowledged == 3)
    #expect(tally.failure == nil)
    #expect(tally.summary == "3 records were acknowledged")
  }

  @Test func `one refused batch is a failure that names its lines, the others are counted`() throws {
    var tally = ProduceTally(topic: "t", isUnacknowledged: false)
    tally.take(.success(ProduceResponse(results: [stored, refused(.storageFull), stored])), for: try batches(3))
    #expect(tally.acknowledged == 4)
    #expect(tally.refused == 2)
    #expect(tally.failure?.exitCode == 16)
    #expect(tally.failure?.message.hasPrefix("lines 20-21 (partition 1 of 't'): why (STORAGE_FULL)") == true)
  }

  @Test func `a batch that is refused for one of its records is handed out, and counted when that is told`() throws {
    var tally = ProduceTally(topic: "t", isUnacknowledged: false)
    tally.take(.success(ProduceResponse(results: [stored, refused(.invalidRecord), stored])), for: try batches(3))
    #expect(tally.acknowledged == 4)
    #expect(tally.refused == 0)
    #expect(tally.failure == nil)
    let refusals = tally.takeRefusals()
    #expect(refusals.map(\.batch.lines) == [20...21])
    #expect(tally.takeRefusals().isEmpty)
    let failure = tally.count(refusals[0])
    #expect(tally.refused == 2)
    #expect(failure.exitCode == 11)
    #expect(failure.message == "lines 20-21 (partition 1 of 't'): why (INVALID_RECORD)")
  }

  @Test func `an error of a whole target counts for its batch`() throws {
    var tally = ProduceTally(topic: "t", isUnacknowledged: false)
    let error = PartitionError(code: .unknownTopicID, message: "made anew")
    tally.take(.success(ProduceResponse(results: [ProduceResult(error: error)])), for: try batches(1))
    #expect(tally.refused == 1)
    #expect(tally.failure?.message == "line 10 (partition 0 of 't'): made anew (UNKNOWN_TOPIC_ID)")
  }

  @Test func `what nobody knows the outcome of is counted as that`() throws {
    var tally = ProduceTally(topic: "t", isUnacknowledged: false)
    tally.take(.success(ProduceResponse(results: [refused(.unknownOutcome)])), for: try batches(1))
    tally.take(.failure(RPCError(.unavailable, "lost")), for: try batches(2))
    tally.giveUp(on: try batches(3))
    #expect(tally.unknown == 1 + 3 + 6)
    #expect(tally.refused == 0)
    #expect(tally.failure?.exitCode == 10)
    #expect(tally.summary == "0 records were acknowledged, of 10 it is not known whether they are stored")
  }

  @Test func `an answer that does not tell of a batch is a failure`() throws {
    var tally = ProduceTally(topic: "t", isUnacknowledged: false)
    tally.take(.success(ProduceResponse(results: [stored])), for: try batches(2))
    #expect(tally.acknowledged == 1)
    #expect(tally.unknown == 2)
    #expect(tally.failure?.exitCode == 21)
    var empty = ProduceTally(topic: "t", isUnacknowledged: false)
    empty.take(.success(ProduceResponse(results: [ProduceResult()])), for: try batches(1))
    #expect(empty.unknown == 1)
  }

  @Test func `with acks none an empty answer is enough`() throws {
    var tally = ProduceTally(topic: "t", isUnacknowledged: true)
    tally.take(.success(ProduceResponse()), for: try batches(2))
    #expect(tally.acknowledged == 3)
    #expect(tally.failure == nil)
  }
}
