import NIOCore
import TailraceTestSupport
import TailraceWire
import Testing

/// Against the decoding in full, which is checked against an independent one.
@Suite struct SingleFetchTests {
  private func request(_ values: inout RandomValues) -> FetchRequest {
    func number() -> UInt32 { values.bool() ? 0 : values.integer(UInt32.self) }
    let topicID = [ByteBuffer(), ByteBuffer(bytes: (0..<16).map { UInt8($0) }), ByteBuffer(bytes: [1])][values.below(3)]
    let target = FetchTarget(
      topic: "t" + values.string(), topicID: topicID, partition: number(), offset: values.integer(Int64.self),
      maxBytes: number(), lastEpoch: values.bool() ? values.integer(UInt32.self) : nil)
    return FetchRequest(
      targets: values.below(8) > 0 ? [target] : [target, target], minBytes: number(), maxBytes: number(),
      maxWaitMs: number(), decode: values.below(8) == 0)
  }

  /// What the full message says in the scan's form; nil where the scan is to refuse it.
  private func matches(_ single: SingleFetch, _ full: FetchRequest) -> Bool {
    guard full.targets.count == 1, let target = full.targets.first, !full.decode else { return false }
    let id = target.topicID.readableBytes == 0 ? nil : TopicID(target.topicID)
    return single.topic == target.topic && single.topicID == id && (id != nil || target.topicID.readableBytes == 0)
      && single.partition == target.partition && single.offset == target.offset
      && single.partitionMaxBytes == target.maxBytes && single.lastEpoch == target.lastEpoch
      && single.minBytes == full.minBytes && single.maxBytes == full.maxBytes && single.maxWaitMs == full.maxWaitMs
  }

  private func damaged(_ bytes: [UInt8], _ values: inout RandomValues) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<(1 + values.below(3)) where !bytes.isEmpty {
      let position = values.below(bytes.count)
      switch values.below(4) {
      case 0: bytes[position] = values.integer(UInt8.self)
      case 1: bytes[position] ^= 1 << UInt8(values.below(8))
      case 2: bytes.remove(at: position)
      default: bytes.insert(values.integer(UInt8.self), at: position)
      }
    }
    return bytes
  }

  @Test func `the usual encoding is read as the full decoding reads it, and anything else is refused`() throws {
    let seed = SeededGenerator(for: "SingleFetchTests").seed
    var values = RandomValues(seed: seed)
    for round in 0..<2_000 {
      let full = request(&values)
      let bytes = try full.encoded()
      let isUsual =
        full.targets.count == 1 && !full.decode && [0, 16].contains(full.targets[0].topicID.readableBytes)
      let single = SingleFetch(scanning: bytes)
      #expect((single != nil) == isUsual, "seed \(seed), round \(round)")
      if let single { #expect(matches(single, full), "seed \(seed), round \(round)") }
    }
  }

  @Test func `of damaged messages nothing is read that the full decoding does not read`() throws {
    let seed = SeededGenerator(for: "SingleFetchTests").seed
    var values = RandomValues(seed: seed)
    var accepted = 0
    let rounds = environmentNumber("TAILRACE_FUZZ_ITERATIONS") ?? 20_000
    for round in 0..<rounds {
      let bytes = damaged(try request(&values).encoded().allBytes, &values)
      let message = ByteBuffer(bytes: bytes)
      guard let single = SingleFetch(scanning: message) else { continue }
      accepted += 1
      let full = try? FetchRequest(decoding: message)
      guard let full, matches(single, full) else {
        Issue.record("seed \(seed), round \(round): \(bytes)")
        return
      }
    }
    #expect(accepted > rounds / 20, "\(accepted) of \(rounds)")
  }

  @Test func `a message that says a thing twice is refused`() throws {
    let once = try FetchRequest(targets: [FetchTarget(topic: "t", partition: 1)], maxBytes: 5).encoded()
    #expect(SingleFetch(scanning: once) != nil)
    var twice = once
    twice.writeImmutableBuffer(try FetchRequest(maxBytes: 6).encoded())
    #expect(SingleFetch(scanning: twice) == nil)
  }
}
