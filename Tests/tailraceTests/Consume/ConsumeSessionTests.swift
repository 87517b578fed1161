import NIOCore
import TailraceClient
import TailraceWire
import Testing

@testable import tailrace

@Suite struct ConsumeSessionTests {
  private func session(_ cursors: PartitionCursor...) -> ConsumeSession {
    ConsumeSession(cursors: cursors)
  }

  private func response(_ partition: UInt32, _ batches: [RecordBatch]) -> FetchResponse {
    FetchResponse(partitions: [FetchedPartition(topic: "t", partition: partition, batches: batches)])
  }

  @Test func `records below the offset asked for are not wanted, and the cursor moves behind the batch`() throws {
    var session = session(cursor(0, offset: 12))
    let fetched = try session.take(
      response(0, [try fetchedBatch(at: 10, count: 5, epoch: 3), try fetchedBatch(at: 15, count: 1)]))
    #expect(fetched.batches.map(\.wanted) == [12..<15, 15..<16])
    #expect(session.nextRequest().targets.map(\.offset) == [16])
  }

  @Test func `the epoch of the last batch goes with the next request`() throws {
    var session = session(cursor(0, offset: 0))
    #expect(session.nextRequest().targets.map(\.lastEpoch) == [nil])
    _ = try session.take(response(0, [try fetchedBatch(at: 0, count: 1, epoch: 3)]))
    #expect(session.nextRequest().targets.map(\.lastEpoch) == [3])
  }

  @Test func `reading stops exactly at the end, within a batch too`() throws {
    var session = session(
      cursor(0, offset: 0, end: 7), cursor(1, offset: 4, end: 4))
    #expect(!session.isAtEnd)
    #expect(session.nextRequest().targets.map(\.partition) == [0])
    let fetched = try session.take(response(0, [try fetchedBatch(at: 0, count: 5), try fetchedBatch(at: 5, count: 5)]))
    #expect(fetched.batches.map(\.wanted) == [0..<5, 5..<7])
    #expect(session.isAtEnd)
    #expect(session.nextRequest().targets.isEmpty)
  }

  @Test func `a batch that was read before is not printed again`() throws {
    var session = session(cursor(0, offset: 5))
    #expect(try session.take(response(0, [try fetchedBatch(at: 0, count: 5)])).batches.isEmpty)
  }

  @Test func `each partition has its turn at the front of the request`() {
    var session = session(
      cursor(0, offset: 0), cursor(1, offset: 0),
      cursor(2, offset: 0))
    let fronts = (0..<4).map { _ in session.nextRequest().targets.map(\.partition) }
    #expect(fronts == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]])
  }

  @Test func `with more partitions than a request takes, all have their turn`() {
    var session = ConsumeSession(cursors: (0..<2_500).map { cursor($0, offset: 0) })
    var seen: Set<UInt32> = []
    for _ in 0..<3 { seen.formUnion(session.nextRequest().targets.map(\.partition)) }
    #expect(seen.count == 2_500)
  }

  @Test func `an offset out of range is told with both bounds`() throws {
    var session = session(cursor(0, offset: 50))
    let answer = FetchResponse(partitions: [
      FetchedPartition(
        topic: "t", partition: 0, error: PartitionError(code: .offsetOutOfRange, message: "?"), highWatermark: 40,
        logStartOffset: 10)
    ])
    let failure = try #require(try session.take(answer).failures.first)
    #expect(failure.exitCode == 19)
    #expect(failure.message.contains("offset 50 is out of range: the partition holds 10 to 40"))
  }

  @Test func `a damaged header is data loss`() throws {
    var session = session(cursor(0, offset: 0))
    var damaged = try fetchedBatch(at: 0, count: 1)
    damaged.appendTimestampMs += 1
    let failure = try #require(throws: CommandFailure.self) { try session.take(response(0, [damaged])) }
    #expect(failure.exitCode == 23)
  }

  @Test func `an answer about another partition is refused`() throws {
    var session = session(cursor(0, offset: 0))
    #expect(throws: CommandFailure.self) { try session.take(response(1, [try fetchedBatch(at: 0, count: 1)])) }
  }

  @Test func `partitions of several topics are read together, each with its topic's id`() throws {
    var session = session(
      PartitionCursor(TopicPartition(topic: "a", partition: 0), topicID: id(1), offset: 5, end: nil),
      PartitionCursor(TopicPartition(topic: "b", partition: 0), topicID: id(2), offset: 7, end: nil))
    let targets = session.nextRequest().targets
    #expect(targets.map(\.topic) == ["a", "b"])
    #expect(targets.map(\.topicID) == [id(1), id(2)])
    let answer = FetchResponse(partitions: [
      FetchedPartition(topic: "b", partition: 0, batches: [try fetchedBatch(at: 7, count: 2)])
    ])
    let fetched = try session.take(answer)
    #expect(fetched.batches.map(\.partition) == [TopicPartition(topic: "b", partition: 0)])
    #expect(Set(session.nextRequest().targets.map(\.offset)) == [5, 9])
  }

  @Test func `a log that fell back is told with where it ends`() throws {
    var session = session(cursor(0, offset: 50))
    let answer = FetchResponse(partitions: [
      FetchedPartition(
        topic: "t", partition: 0, error: PartitionError(code: .offsetTruncated, message: "?"), truncatedTo: 30)
    ])
    let failure = try #require(try session.take(answer).failures.first)
    #expect(failure.message.contains("the log fell back to offset 30"))
  }

  private func id(_ number: UInt8) -> ByteBuffer { ByteBuffer(repeating: number, count: 16) }
}
