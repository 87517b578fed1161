import NIOCore
import Testing

@testable import TailraceClient

@Suite struct ProducerMemoryTests {
  @Test func `nobody who waits for room is woken for a little of it`() async throws {
    var buffer = ProducerBuffer(maxBytes: 100)
    let fits = buffer.take(100)
    #expect(fits)
    let outcome: Result<Void, TailraceError> = await withCheckedContinuation { continuation in
      let isWaiting = buffer.wait(1, for: 10, continuation)
      #expect(isWaiting)
      let (early, late) = (buffer.release(24), buffer.release(1))
      #expect((early.count, late.count) == (0, 1))
      // Where none is admitted, the test must end nevertheless.
      for waiting in early + late + buffer.removeAll() { waiting.resume(returning: .success(())) }
    }
    try outcome.get()
    #expect(buffer.usedBytes == 85)
  }

  @Test func `the memory of a batch serves again, the one used last first`() {
    var memory = BatchMemory()
    var (first, second) = (memory.take(1_000), memory.take(1_000))
    first.writeInteger(UInt8(1))
    second.writeInteger(UInt8(2))
    let addresses = [first, second].map(Self.address)
    memory.give(first)
    memory.give(second)
    (first, second) = (ByteBuffer(), ByteBuffer())
    let again = [memory.take(1_000), memory.take(1_000)]
    #expect(again.map(Self.address) == addresses.reversed())
    #expect(again.allSatisfy { $0.readableBytes == 0 })
    #expect(memory.byteCount == 0)
  }

  @Test func `memory that somebody refers to is left alone`() {
    var memory = BatchMemory()
    let kept = ByteBuffer(string: "in use")
    memory.give(kept)
    var other = memory.take(10)
    other.writeString("others")
    #expect(kept == ByteBuffer(string: "in use"))
  }

  @Test func `no more memory is kept than the bound says`() {
    var memory = BatchMemory()
    for _ in 0..<100 { memory.give(ByteBuffer(repeating: 0, count: 100_000)) }
    #expect(memory.byteCount <= BatchMemory.maxBytes)
    #expect(memory.byteCount > BatchMemory.maxBytes / 2)
    memory = BatchMemory()
    memory.give(ByteBuffer(repeating: 0, count: BatchMemory.maxBatchBytes + 1))
    #expect(memory.byteCount == 0)
  }

  private static func address(_ buffer: ByteBuffer) -> UInt {
    buffer.withVeryUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
  }
}
