import NIOCore
import TailraceWire
import Testing

@testable import tailrace

@Suite struct ConsumeSessionTests {
  /// A batch as a broker returns it, of `count` records from `offset` on.
  private func batch(at offset: Int64, count: Int, epoch: UInt32 = 0) throws -> RecordBatch {
    var builder = RecordSetBuilder(baseTimestampMs: 0)
    for number in 0..<count { builder.append(key: nil, value: ByteBuffer(string: "\(number)"), timestampMs: 0) }
    let built = try builder.build()
    var header = built.header
    header.baseOffset = Offset(offset)
    header.partitionEpoch = epoch
    var bytes = ByteBuffer()
    header.write(to: &bytes)
    var message = built.message
    message.formatVersion = 1
    message.baseOffset = offset
    message.partitionEpoch = epoch
    message.recordsLength = header.recordsLength
    message.headerCRC32C = try #require(bytes.getInteger(at: 107, endianness: .little, as: UInt32.self))
    return message
  }

  private func session(_ cursors: PartitionCursor...) -> ConsumeSession {
    ConsumeSession(topic: "t", topicID: ByteBuffer(), cursors: cursors)
  }

  private func response(_ partition: UInt32, _ batches: [RecordBatch]) -> FetchResponse {
    FetchResponse(partitions: [FetchedPartition(topic: "t", partition: partition, batches: batches)])
  }

  @Test func `records below the offset asked for are not wanted, and the cursor moves behind the batch`() throws {
    var session = session(PartitionCursor(partition: 0, offset: 12, end: nil))
    let batches = try session.take(response(0, [try batch(at: 10, count: 5, epoch: 3), try batch(at: 15, count: 1)]))
    #expect(batches.map(\.wanted) == [12..<15, 15..<16])
    #expect(session.nextRequest().targets.map(\.offset) == [16])
  }

  @Test func `the epoch of the last batch goes with the next request`() throws {
    var session = session(PartitionCursor(partition: 0, offset: 0, end: nil))
    #expect(session.nextRequest().targets.map(\.lastEpoch) == [nil])
    _ = try session.take(response(0, [try batch(at: 0, count: 1, epoch: 3)]))
    #expect(session.nextRequest().targets.map(\.lastEpoch) == [3])
  }

  @Test func `reading stops exactly at the end, within a batch too`() throws {
    var session = session(
      PartitionCursor(partition: 0, offset: 0, end: 7), PartitionCursor(partition: 1, offset: 4, end: 4))
    #expect(!session.isAtEnd)
    #expect(session.nextRequest().targets.map(\.partition) == [0])
    let batches = try session.take(response(0, [try batch(at: 0, count: 5), try batch(at: 5, count: 5)]))
    #expect(batches.map(\.wanted) == [0..<5, 5..<7])
    #expect(session.isAtEnd)
    #expect(session.nextRequest().targets.isEmpty)
  }

  @Test func `a batch that was read before is not printed again`() throws {
    var session = session(PartitionCursor(partition: 0, offset: 5, end: nil))
    #expect(try session.take(response(0, [try batch(at: 0, count: 5)])).isEmpty)
  }

  @Test func `each partition has its turn at the front of the request`() {
    var session = session(
      PartitionCursor(partition: 0, offset: 0, end: nil), PartitionCursor(partition: 1, offset: 0, end: nil),
      PartitionCursor(partition: 2, offset: 0, end: nil))
    let fronts = (0..<4).map { _ in session.nextRequest().targets.map(\.partition) }
    #expect(fronts == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]])
  }

  @Test func `with more partitions than a request takes, all have their turn`() {
    var session = ConsumeSession(
      topic: "t", topicID: ByteBuffer(),
      cursors: (0..<2_500).map { PartitionCursor(partition: $0, offset: 0, end: nil) })
    var seen: Set<UInt32> = []
    for _ in 0..<3 { seen.formUnion(session.nextRequest().targets.map(\.partition)) }
    #expect(seen.count == 2_500)
  }

  @Test func `an offset out of range is told with both bounds`() throws {
    var session = session(PartitionCursor(partition: 0, offset: 50, end: nil))
    let answer = FetchResponse(partitions: [
      FetchedPartition(
        topic: "t", partition: 0, error: PartitionError(code: .offsetOutOfRange, message: "?"), highWatermark: 40,
        logStartOffset: 10)
    ])
    let failure = try #require(throws: CommandFailure.self) { try session.take(answer) }
    #expect(failure.exitCode == 19)
    #expect(failure.message.contains("offset 50 is out of range: the partition holds 10 to 40"))
  }

  @Test func `a damaged header is data loss`() throws {
    var session = session(PartitionCursor(partition: 0, offset: 0, end: nil))
    var damaged = try batch(at: 0, count: 1)
    damaged.appendTimestampMs += 1
    let failure = try #require(throws: CommandFailure.self) { try session.take(response(0, [damaged])) }
    #expect(failure.exitCode == 23)
  }

  @Test func `an answer about another partition is refused`() throws {
    var session = session(PartitionCursor(partition: 0, offset: 0, end: nil))
    #expect(throws: CommandFailure.self) { try session.take(response(1, [try batch(at: 0, count: 1)])) }
  }
}
