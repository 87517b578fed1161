import NIOCore
import TailraceTestSupport
import TailraceWire
import Testing

@Suite struct FrameFuzzTests {
  private let limits = FrameLimits(maxFrameBytes: 4096, maxHeaderBytes: 256)

  /// A well-formed stream of a few frames, and how many there are.
  private func stream(_ random: inout SeededGenerator) throws -> (ByteBuffer, Int) {
    var bytes = ByteBuffer()
    let count = Int.random(in: 1...4, using: &random)
    let encoder = FrameEncoder(limits: limits)
    for _ in 0..<count {
      let header = RequestHeader(
        callID: random.next() >> UInt64.random(in: 0...63, using: &random),
        method: RPCMethod.allCases.randomElement(using: &random)?.fullName ?? "",
        timeoutMs: UInt32.random(in: 0...UInt32.max, using: &random),
        metadata: Bool.random(using: &random) ? [] : [Metadata(key: "k", value: "v")],
        cancel: Bool.random(using: &random), credit: random.next() >> 40)
      let count = Int.random(in: 0...200, using: &random)
      let message = ByteBuffer(repeating: UInt8.random(in: 0...255, using: &random), count: count)
      try encoder.writeRequest(header, message: message, to: &bytes)
    }
    return (bytes, count)
  }

  private func mutate(_ bytes: inout ByteBuffer, _ random: inout SeededGenerator) {
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let at = Int.random(in: 0..<bytes.readableBytes, using: &random)
      let value =
        [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &random)].randomElement(using: &random) ?? 0
      bytes.setInteger(value, at: at)
    }
    if Int.random(in: 0..<4, using: &random) == 0 {
      bytes.moveWriterIndex(to: Int.random(in: 0...bytes.readableBytes, using: &random))
    }
  }

  /// Decodes everything, in parts of random sizes. Returns the sizes of the frames, and whether there was an error.
  private func decode(
    _ bytes: ByteBuffer, _ random: inout SeededGenerator
  ) -> (frames: Int, bytes: Int, failed: Bool) {
    var decoder = FrameDecoder(limits: limits)
    var rest = bytes
    var frames = 0
    var total = 0
    do throws(FrameError) {
      while rest.readableBytes > 0 {
        let all = rest.readableBytes
        let count = Bool.random(using: &random) ? all : Int.random(in: 1...all, using: &random)
        if let part = rest.readSlice(length: count) { decoder.receive(part) }
        while let frame = try decoder.next() {
          frames += 1
          total += 6 + frame.header.readableBytes + frame.message.readableBytes
          guard frame.header.readableBytes <= limits.maxHeaderBytes else { return (frames, -1, false) }
          let scan = try? RequestHeaderScan(frame.header)
          if let scan, scan.metadataCount > 0 { _ = try? RequestHeader(decoding: frame.header) }
          _ = try? ResponseHeaderScan(frame.header, arena: Arena(initialBytes: 256, limitBytes: 64 << 10))
          _ = RequestHeaderScan.methodName(in: frame.header)
        }
        guard decoder.partialBytes <= limits.maxFrameBytes + 4 else { return (frames, -1, false) }
      }
    } catch {
      return (frames, total, true)
    }
    return (frames, total + decoder.partialBytes, false)
  }

  @Test func `random and damaged streams never trap, and no byte is lost or made up`() throws {
    var random = SeededGenerator(for: "FrameFuzzTests")
    let seed = random.seed
    for _ in 0..<(environmentNumber("TAILRACE_FUZZ_ITERATIONS") ?? 100_000) {
      var (bytes, count) = try stream(&random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        let (frames, total, failed) = decode(bytes, &random)
        #expect(frames == count && total == bytes.readableBytes && !failed, "seed \(seed)")
      case 1:
        let length = Int.random(in: 1...80, using: &random)
        let noise = ByteBuffer(bytes: random.bytes(length))
        let (_, total, failed) = decode(noise, &random)
        #expect(failed ? total <= noise.readableBytes : total == noise.readableBytes, "seed \(seed)")
      default:
        mutate(&bytes, &random)
        let (_, total, failed) = decode(bytes, &random)
        #expect(failed ? total <= bytes.readableBytes : total == bytes.readableBytes, "seed \(seed)")
      }
    }
  }
}
