import NIOCore
import TailraceTestSupport
import TailraceWire
import Testing

/// Against the decoding in full.
@Suite struct PartCountTests {
  private func parts(_ request: ProduceRequest) -> Int {
    request.targets.reduce(request.targets.count) { $0 + $1.records.count + $1.batches.count }
  }

  @Test func `what can be decoded has as many parts as were counted`() {
    let seed = SeededGenerator(for: "PartCountTests").seed
    var requests = OddProduce(seed: seed)
    var decoded = 0
    for round in 0..<(environmentNumber("TAILRACE_FUZZ_ITERATIONS") ?? 20_000) {
      // One after the other they are one message.
      var bytes = (0...requests.below(3)).flatMap { _ in requests.message() }
      if requests.below(2) == 0 { bytes = requests.damaged(bytes) }
      let message = ByteBuffer(bytes: bytes)
      let count = PartCount.count(in: message, field: 2, inner: [4, 5], most: 1_000)
      guard let request = try? ProduceRequest(decoding: message) else { continue }
      decoded += 1
      if count != parts(request) {
        Issue.record("seed \(seed), round \(round): \(count) counted, \(parts(request)) decoded: \(bytes)")
        return
      }
    }
    #expect(decoded > 1_000)
  }

  @Test func `of a slice only its own bytes are looked at`() throws {
    let request = try FetchRequest(targets: [FetchTarget(topic: "a"), FetchTarget(topic: "b")]).encoded()
    var outer = request
    outer.writeImmutableBuffer(request)
    outer.writeImmutableBuffer(request)
    let middle = try #require(outer.getSlice(at: request.readableBytes, length: request.readableBytes))
    #expect(PartCount.count(in: middle, field: 1, most: 64) == 2)
    #expect(PartCount.count(in: outer, field: 1, most: 64) == 6)
    #expect(PartCount.count(in: ByteBuffer(), field: 1, most: 64) == 0)
  }
}
