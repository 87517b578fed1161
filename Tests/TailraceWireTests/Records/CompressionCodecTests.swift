import NIOCore
import TailraceTestSupport
import Testing

@testable import TailraceWire

@Suite("Compression of records")
struct CompressionCodecTests {
  @Test("Everything comes back as it was", arguments: Compression.allCases)
  func roundTrip(compression: Compression) throws {
    var values = RandomValues(seed: RandomValues.runSeed &+ 80 &+ UInt64(compression.rawValue))
    let fixed = [ByteBuffer(), ByteBuffer(bytes: [0]), ByteBuffer(repeating: 0x61, count: 300_000)]
    for plain in fixed + (0..<50).map({ _ in values.buffer() }) {
      let stored = try compression.compress(plain)
      #expect(try compression.decompress(stored, maxBytes: plain.readableBytes) == plain)
    }
  }

  @Test(
    "Formats are those that other libraries write",
    arguments: [
      (Compression.gzip, [0x1F, 0x8B]), (.lz4, [0x04, 0x22, 0x4D, 0x18]), (.zstd, [0x28, 0xB5, 0x2F, 0xFD]),
    ] as [(Compression, [UInt8])])
  func magic(compression: Compression, magic: [UInt8]) throws {
    #expect(try compression.compress(ByteBuffer(string: "x")).allBytes.starts(with: magic))
  }

  @Test("Cut, extended or empty data is refused", arguments: [Compression.gzip, .lz4, .zstd])
  func damaged(compression: Compression) throws {
    let stored = try compression.compress(ByteBuffer(repeating: 0x62, count: 1_000)).allBytes
    let message = "the batch's records are not well-formed \(compression) data"
    for bytes in [[], [0]] + (1..<stored.count).map({ Array(stored[..<$0]) }) + [stored + [0]] {
      #expect(throws: RecordBatchError(.invalidRecord, message), "\(bytes.count) bytes") {
        try compression.decompress(ByteBuffer(bytes: bytes), maxBytes: 1 << 20)
      }
    }
  }

  @Test(
    "Changed bytes stop nothing, and what comes out keeps to the bound", arguments: [Compression.gzip, .lz4, .zstd])
  func mutated(compression: Compression) throws {
    var generator = SeededGenerator.ofThisRun(90 + UInt64(compression.rawValue))
    let plain = ByteBuffer(bytes: (0..<2_000).map { UInt8(truncatingIfNeeded: $0 * $0 / 7) })
    let stored = try compression.compress(plain).allBytes
    for round in 0..<2_000 {
      var bytes = stored
      let index = Int.random(in: 0..<bytes.count, using: &generator)
      bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      guard let output = try? compression.decompress(ByteBuffer(bytes: bytes), maxBytes: 3_000) else { continue }
      #expect(output.readableBytes <= 3_000, "round \(round) of seed \(RandomValues.runSeed)")
    }
  }

  @Test("A bomb is stopped at the bound", arguments: [Compression.gzip, .lz4, .zstd])
  func bomb(compression: Compression) throws {
    let stored = try compression.compress(ByteBuffer(repeating: 0, count: 32 << 20))
    #expect(stored.readableBytes < 1 << 20)
    #expect(throws: RecordBatchError(.batchTooLarge, "the batch's records are over 65536 bytes once decompressed")) {
      try compression.decompress(stored, maxBytes: 65_536)
    }
  }
}
