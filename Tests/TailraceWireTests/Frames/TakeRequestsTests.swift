import NIOCore
import TailraceTestSupport
import TailraceWire
import Testing

/// All requests of a read at once, against frame by frame.
@Suite struct TakeRequestsTests {
  private static let limits = FrameLimits(maxFrameBytes: 4096, maxHeaderBytes: 64)

  /// A request as a decoder tells it.
  private struct Request: Equatable {
    var callID: UInt64
    var method: RPCMethod?
    var timeoutMs: UInt32
    var credit: UInt64
    var flags: [Bool]
    var message: ByteBuffer

    init(_ header: RequestHeaderScan, _ message: ByteBuffer) {
      callID = header.callID
      method = header.method
      timeoutMs = header.timeoutMs
      credit = header.credit
      flags = [header.namesMethod, header.metadataCount > 0, header.cancel]
      self.message = message
    }
  }

  /// What became of a stream.
  private struct Outcome: Equatable {
    var requests: [Request] = []
    var error: FrameError?
    /// What is left of the last frame, where there was no error.
    var partialBytes = 0
  }

  private func stream(_ random: inout SeededGenerator) throws -> ByteBuffer {
    var bytes = ByteBuffer()
    for _ in 0..<random.below(8) {
      let isUsual = random.below(3) > 0
      let header = RequestHeader(
        callID: random.next() >> UInt64(random.below(64)), method: RPCMethod.logServiceProduce.fullName,
        timeoutMs: isUsual ? 0 : UInt32(random.below(1000)), cancel: !isUsual && random.below(2) == 0,
        credit: isUsual ? 0 : random.next() >> 40)
      let count = random.below(random.below(4) == 0 ? 3000 : 40)
      try FrameEncoder().writeRequest(header, message: ByteBuffer(bytes: random.bytes(count)), to: &bytes)
    }
    guard bytes.readableBytes > 0, random.below(3) == 0 else { return bytes }
    for _ in 0...random.below(3) {
      bytes.setInteger(UInt8(truncatingIfNeeded: random.next()), at: random.below(bytes.readableBytes))
    }
    return bytes
  }

  private func parts(_ stream: ByteBuffer, _ random: inout SeededGenerator) -> [ByteBuffer] {
    var rest = stream
    var parts: [ByteBuffer] = []
    while rest.readableBytes > 0 {
      let most = random.below(2) == 0 ? rest.readableBytes : min(rest.readableBytes, 12)
      if let part = rest.readSlice(length: 1 + random.below(most)) { parts.append(part) }
    }
    return parts
  }

  private func oneByOne(_ parts: [ByteBuffer]) -> Outcome {
    var decoder = FrameDecoder(limits: Self.limits)
    var outcome = Outcome()
    do throws(FrameError) {
      for part in parts {
        decoder.receive(part)
        while let frame = try decoder.next() {
          outcome.requests.append(Request(try RequestHeaderScan(frame.header), frame.message))
        }
      }
      outcome.partialBytes = decoder.partialBytes
    } catch { outcome.error = error }
    return outcome
  }

  /// Where a frame is not taken, `next` takes it, or it is shown again.
  private func together(_ parts: [ByteBuffer], _ random: inout SeededGenerator) -> Outcome {
    var decoder = FrameDecoder(limits: Self.limits)
    var outcome = Outcome()
    do throws(FrameError) {
      for part in parts {
        decoder.receive(part)
        while let bytes = try decoder.wholeFrames() {
          try decoder.takeRequests { header, place throws(FrameError) in
            guard random.below(4) > 0 else { return false }
            let message = bytes.getSlice(at: place.lowerBound, length: place.count)
            outcome.requests.append(Request(header, message ?? ByteBuffer(string: "no such place")))
            return true
          }
          if random.below(2) == 0, try decoder.wholeFrames() != nil, let frame = try decoder.next() {
            outcome.requests.append(Request(try RequestHeaderScan(frame.header), frame.message))
          }
        }
      }
      outcome.partialBytes = decoder.partialBytes
    } catch { outcome.error = error }
    return outcome
  }

  @Test func `requests taken together are those that come frame by frame, however a stream is cut`() throws {
    var random = SeededGenerator(for: "TakeRequestsTests")
    let seed = random.seed
    var failed = 0
    var taken = 0
    for round in 0..<(environmentNumber("TAILRACE_FUZZ_ITERATIONS") ?? 5_000) {
      let parts = parts(try stream(&random), &random)
      let expected = oneByOne(parts)
      let found = together(parts, &random)
      failed += expected.error == nil ? 0 : 1
      taken += expected.requests.count
      if found != expected {
        Issue.record("seed \(seed), round \(round): \(found), not \(expected)")
        return
      }
    }
    #expect(failed > 0 && taken > failed)
  }

  @Test func `a frame that was not taken is the next one still`() throws {
    var decoder = FrameDecoder()
    var bytes = ByteBuffer()
    for id in 1...3 as ClosedRange<UInt64> {
      try FrameEncoder().writeRequest(RequestHeader(callID: id), message: ByteBuffer(string: "\(id)"), to: &bytes)
    }
    decoder.receive(bytes)
    _ = try decoder.wholeFrames()
    var shown: [UInt64] = []
    try decoder.takeRequests { header, _ throws(FrameError) in
      shown.append(header.callID)
      return header.callID < 2
    }
    #expect(shown == [1, 2])
    #expect(try decoder.next()?.message == ByteBuffer(string: "2"))
    #expect(try decoder.next()?.message == ByteBuffer(string: "3"))
    #expect(try decoder.wholeFrames() == nil)
  }

  @Test func `what take throws ends the stream with that`() throws {
    var decoder = FrameDecoder()
    var bytes = ByteBuffer()
    try FrameEncoder().writeRequest(RequestHeader(callID: 1), message: ByteBuffer(), to: &bytes)
    decoder.receive(bytes)
    _ = try decoder.wholeFrames()
    #expect(throws: FrameError.invalidHeader("no")) {
      try decoder.takeRequests { _, _ throws(FrameError) in throw .invalidHeader("no") }
    }
  }
}
