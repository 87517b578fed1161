import NIOCore
@testable import TailraceStorage
import TailraceTestSupport
import TailraceTesting
import TailraceWire
import Testing

/// Reads that are answered before the call returns, against those that need not be.
@Suite struct ReadAtOnceTests {
  /// A log of batches of all sizes, in several segments.
  private func filledStore(_ random: inout SeededGenerator) async throws -> (LocalFixture, end: Int64) {
    let fixture = try LocalFixture()
    try await fixture.store.create(config: LogConfig(segmentBytes: 200_000))
    var end: Int64 = 0
    for number in 0..<120 {
      let byteCount = random.below(10) == 0 ? random.below(60_000) : random.below(300)
      let values = (0...random.below(3)).map { "\(number).\($0)" } + [String(repeating: "x", count: byteCount)]
      end = try await fixture.store.append(values) + Int64(values.count)
    }
    return (fixture, end)
  }

  @Test func `what is read at once is what is read otherwise, behind what was in the buffer`() async throws {
    let seed = SeededGenerator(for: "ReadAtOnceTests").seed
    var random = SeededGenerator(seed: seed)
    let (fixture, end) = try await filledStore(&random)
    var inBuffer = 0
    for _ in 0..<2_000 {
      let offset = Int64(random.below(Int(end) + 1))
      let maxBytes = random.below(4) == 0 ? random.below(300_000) : random.below(1_000)
      let target = ReadTarget(partition: partitionA, offset: Offset(offset), maxBytes: maxBytes)
      var buffer = ByteBuffer(string: "before")
      let atOnce = try #require(fixture.store.readAtOnce(target, maxBytes: 250_000, into: &buffer))
      let note: Comment = "seed \(seed), from \(offset), \(maxBytes) bytes"
      let result = try await fixture.store.result(from: offset, maxBytes: min(maxBytes, 250_000))
      #expect(atOnce.byteCount == result.byteCount, note)
      #expect(atOnce.bounds == result.bounds && atOnce.hasMore == result.hasMore, note)
      #expect(buffer.readString(length: 6) == "before")
      if buffer.readableBytes > 0 { inBuffer += 1 }
      #expect(buffer.readableBytes < PartitionLog.minFileChunkBytes)
      buffer.writeImmutableBuffer(try bytes(atOnce))
      #expect(try buffer == bytes(result), note)
    }
    #expect(inBuffer > 200)
  }

  @Test func `a read that fails, or has to wait, is not answered at once`() async throws {
    let fixture = try LocalFixture()
    try await fixture.store.create()
    try await fixture.store.append(["a"])
    var buffer = ByteBuffer()
    let other = PartitionID(topic: topicB, index: 0)
    let beyond = ReadTarget(partition: partitionA, offset: Offset(2), maxBytes: 100)
    #expect(fixture.store.readAtOnce(beyond, maxBytes: 100, into: &buffer) == nil)
    let unknown = ReadTarget(partition: other, offset: .zero, maxBytes: 100)
    #expect(fixture.store.readAtOnce(unknown, maxBytes: 100, into: &buffer) == nil)
    let tail = ReadTarget(partition: partitionA, offset: Offset(1), maxBytes: 100)
    #expect(fixture.store.readAtOnce(tail, maxBytes: 100, into: &buffer)?.byteCount == 0)
    #expect(buffer.readableBytes == 0)
  }
}
