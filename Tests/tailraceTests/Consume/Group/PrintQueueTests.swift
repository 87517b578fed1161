import NIOCore
import TailraceClient
import TailraceWire
import Testing

@testable import tailrace

@Suite struct PrintQueueTests {
  private let partition = TopicPartition(topic: "t", partition: 0)

  private func queue(limit: Int? = nil, _ batches: [RecordBatch], from offset: Int64 = 0) throws -> PrintQueue {
    var session = ConsumeSession(cursors: [cursor(0, offset: offset)])
    let response = FetchResponse(partitions: [FetchedPartition(topic: "t", partition: 0, batches: batches)])
    var queue = PrintQueue(printer: RecordPrinter(format: .text), limit: limit)
    queue.add(try session.take(response).batches)
    return queue
  }

  @Test func `a piece says how far its partition is read once it is written`() throws {
    var queue = try queue([fetchedBatch(at: 0, count: 2, epoch: 1), fetchedBatch(at: 2, count: 3, epoch: 4)], from: 1)
    let piece = try #require(try queue.next())
    #expect(String(decoding: piece.output.bytes, as: UTF8.self) == "1\n0\n1\n2\n")
    #expect(piece.positions == [partition: ReadPosition(offset: 5, epoch: 4)])
    #expect(queue.isEmpty && queue.pendingBytes == 0)
    #expect(try queue.next() == nil)
  }

  @Test func `a limit ends within a batch, and the place is that record's end`() throws {
    var queue = try queue(limit: 3, [fetchedBatch(at: 10, count: 9)])
    let piece = try #require(try queue.next())
    #expect(piece.positions == [partition: ReadPosition(offset: 13, epoch: 0)])
    #expect(queue.left == 0)
    #expect(try queue.next() == nil)
  }

  @Test func `a large batch is written in pieces, none of it twice`() throws {
    let count = 100
    var queue = try queue([fetchedBatch(at: 0, count: count, valueBytes: 10_000)])
    var lines = 0
    var ends: [Int64] = []
    while let piece = try queue.next() {
      #expect(piece.output.bytes.count < PrintQueue.pieceBytes + 20_000)
      lines += piece.output.bytes.count { $0 == 0x0A }
      ends.append(try #require(piece.positions[partition]).offset)
      #expect(ends.last == Int64(lines))
    }
    #expect(lines == count)
    #expect(ends.count == 15)
    #expect(queue.pendingBytes == 0)
  }

  @Test func `what is whole before damage is printed, then it fails`() throws {
    var damaged = try fetchedBatch(at: 2, count: 1, valueBytes: 50)
    damaged.records.setInteger(UInt8(0xFF), at: damaged.records.readerIndex + 20)
    var queue = try queue([fetchedBatch(at: 0, count: 2), damaged])
    #expect(try queue.next()?.positions == [partition: ReadPosition(offset: 2, epoch: 0)])
    #expect(!queue.isEmpty)
    let failure = try #require(throws: CommandFailure.self) { _ = try queue.next() }
    #expect(failure.exitCode == 23)
    #expect(failure.message.hasPrefix("partition 0 of 't': "))
  }

  @Test func `nothing more is printed of a partition that was let go, even within a batch`() throws {
    var queue = try queue([fetchedBatch(at: 0, count: 100, valueBytes: 10_000)])
    _ = try queue.next()
    queue.remove([partition])
    #expect(queue.isEmpty && queue.pendingBytes == 0)
    #expect(try queue.next() == nil)
  }
}
