import NIOCore
import Testing

@testable import TailraceTransport

/// Buffers of reads that are cut to measure, as NIO asks for them.
@Suite struct AlignedReadsTests {
  private let reads = AlignedReads()

  private func makePool() -> NIOPooledRecvBufferAllocator {
    NIOPooledRecvBufferAllocator(
      capacity: 1,
      recvAllocator: AlignedReadAllocator(
        reads, AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 8192, maximum: 256 << 10)))
  }

  /// One read that fills its buffer. Returns that, and how much room there was.
  private func read(_ pool: inout NIOPooledRecvBufferAllocator, _ byteCount: Int) -> (ByteBuffer, room: Int) {
    reads.byteCount = byteCount
    let (bytes, room) = pool.buffer(allocator: ByteBufferAllocator()) { buffer in
      let room = buffer.writableBytes
      buffer.writeRepeatingByte(1, count: room)
      return room
    }
    pool.record(actualReadBytes: bytes.readableBytes)
    reads.note(bytes)
    return (bytes, room)
  }

  @Test func `a read has room for what is useful, and no more`() {
    var pool = makePool()
    for byteCount in [100_000, 300_000, 1, AlignedReads.maxBytes, 70_000] {
      let (bytes, room) = read(&pool, byteCount)
      #expect(room == byteCount && bytes.readableBytes == byteCount && bytes.readerIndex == 0)
    }
    // Nothing is known: as large as NIO has come to make them.
    #expect(read(&pool, 0).room > 70_000)
    #expect(read(&pool, 200_000).room == 200_000)
  }

  @Test func `one buffer serves while nobody holds it, others where somebody does, and none is kept over a rest`() {
    var pool = makePool()
    // The preface's: NIO keeps that one.
    _ = read(&pool, 0)
    func place() -> UInt {
      read(&pool, 200_000).0.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
    }
    let first = place()
    for _ in 0..<5 { #expect(place() == first) }
    let held = (0..<4).map { _ in read(&pool, 200_000).0 }
    #expect(Set(held.map { $0.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) } }).count == 4)
    #expect(held.allSatisfy { $0.readableBytes == 200_000 })
    let kept = place()
    #expect(place() == kept)
    withExtendedLifetime(held) {}
    #expect(!reads.spares.isEmpty)
    reads.dropSpares()
    #expect(reads.spares.isEmpty)
  }
}
