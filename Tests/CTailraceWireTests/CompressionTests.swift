import CTailraceCompression
import TailraceTestSupport
import Testing

@Suite("Compression")
struct CompressionTests {
  static let codecs: [UInt32] = [TRC_CODEC_GZIP.rawValue, TRC_CODEC_LZ4.rawValue, TRC_CODEC_ZSTD.rawValue]

  /// Runs a call that fills a buffer, and takes its bytes out.
  func take(_ call: (UnsafeMutablePointer<trc_buffer>) -> trc_status) -> (trc_status, [UInt8]) {
    var buffer = trc_buffer()
    defer { trc_buffer_free(&buffer) }
    let status = call(&buffer)
    return (status, Array(UnsafeBufferPointer(start: buffer.data, count: buffer.length)))
  }

  func compress(_ codec: UInt32, _ bytes: [UInt8], level: Int32 = 0) -> [UInt8] {
    let (status, compressed) = take { trc_compress(trc_codec(codec), level, bytes, bytes.count, $0) }
    #expect(status == TRC_OK)
    return compressed
  }

  func decompress(_ codec: UInt32, _ bytes: [UInt8], cap: Int = 1 << 20) -> (trc_status, [UInt8]) {
    take { trc_decompress(trc_codec(codec), bytes, bytes.count, cap, $0) }
  }

  @Test("what was compressed comes back, at every size and level", arguments: codecs)
  func roundTrip(codec: UInt32) {
    var generator = SeededGenerator(for: "Compression")
    for size in [0, 1, 100, 16_384, 16_385, 300_000] {
      let inputs = [generator.bytes(size), Array(repeating: 0x61, count: size)]
      for (input, level) in zip(inputs + inputs, [0, 1, 9, 100] as [Int32]) {
        let (status, output) = decompress(codec, compress(codec, input, level: level), cap: size)
        #expect(status == TRC_OK)
        let same = output == input
        #expect(same, "size \(size), level \(level)")
      }
    }
  }

  @Test("the cap is held to the byte, also against bombs", arguments: codecs)
  func holdsCap(codec: UInt32) {
    let bomb = compress(codec, Array(repeating: 0, count: 4 << 20))
    #expect(bomb.count < 64 << 10)
    for cap in [0, 1, 1_000, 16_384, (4 << 20) - 1] {
      let (status, output) = decompress(codec, bomb, cap: cap)
      #expect(status == TRC_TOO_LARGE)
      #expect(output.isEmpty)
    }
    #expect(decompress(codec, bomb, cap: 4 << 20).0 == TRC_OK)
  }

  @Test("input cut at any byte is corrupt", arguments: codecs)
  func refusesTruncated(codec: UInt32) {
    let whole = compress(codec, Array("the quick brown fox jumps over the lazy dog".utf8))
    for length in 0..<whole.count {
      #expect(decompress(codec, Array(whole.prefix(length))).0 == TRC_CORRUPT, "length \(length)")
    }
  }

  @Test("whatever follows the last frame is corrupt, unless it is another frame", arguments: codecs)
  func checksTrailing(codec: UInt32) {
    let frame = compress(codec, [1, 2, 3])
    #expect(decompress(codec, frame + [0]).0 == TRC_CORRUPT)
    #expect(decompress(codec, frame + [1, 2, 3, 4, 5, 6, 7, 8]).0 == TRC_CORRUPT)
    let (status, output) = decompress(codec, frame + frame)
    #expect(status == TRC_OK)
    #expect(output == [1, 2, 3, 1, 2, 3])
    #expect(decompress(codec, frame + frame, cap: 5).0 == TRC_TOO_LARGE)
    #expect(decompress(codec, frame + frame.dropLast()).0 == TRC_CORRUPT)
  }

  @Test("input of another codec is corrupt", arguments: codecs)
  func refusesOthers(codec: UInt32) {
    for other in Self.codecs where other != codec {
      #expect(decompress(codec, compress(other, [1, 2, 3])).0 == TRC_CORRUPT)
    }
  }

  @Test("damaged input is refused or stays within the cap", arguments: codecs)
  func survivesDamage(codec: UInt32) {
    var generator = SeededGenerator(for: "Compression damage")
    let whole = compress(codec, Array(repeating: Array("some text, ".utf8), count: 50).flatMap { $0 })
    for _ in 0..<3_000 {
      var damaged = whole
      damaged[Int.random(in: damaged.indices, using: &generator)] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      let (status, output) = decompress(codec, damaged, cap: 2_000)
      #expect(output.count <= 2_000)
      #expect([TRC_OK, TRC_CORRUPT, TRC_TOO_LARGE].contains(status))
    }
  }

  @Test("a zstd frame that asks for a window of gigabytes is refused")
  func boundsWindow() {
    // Magic, descriptor without content size, window 2^41; one empty last block.
    let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xF8, 0x01, 0x00, 0x00]
    #expect(decompress(TRC_CODEC_ZSTD.rawValue, frame).0 == TRC_TOO_LARGE)
    let modest: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x68, 0x01, 0x00, 0x00]
    #expect(decompress(TRC_CODEC_ZSTD.rawValue, modest).0 == TRC_OK)
  }

  @Test("other codecs are unsupported", arguments: [0, 4, 7, .max] as [UInt32])
  func refusesUnknown(codec: UInt32) {
    #expect(decompress(codec, [1, 2, 3]).0 == TRC_UNSUPPORTED)
    #expect(take { trc_compress(trc_codec(codec), 0, [1], 1, $0) }.0 == TRC_UNSUPPORTED)
  }
}
