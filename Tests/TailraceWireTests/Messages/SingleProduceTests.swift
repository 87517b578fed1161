import NIOCore
import TailraceTestSupport
import TailraceWire
import Testing

/// Against the decoding in full, which is checked against an independent one.
@Suite struct SingleProduceTests {
  /// What the scan tells otherwise than the full message, which is nil where that is refused.
  private func differences(_ single: SingleProduce, _ full: ProduceRequest?) -> [String] {
    guard let full else { return ["the full decoding refuses it"] }
    guard full.targets.count == 1, full.targets[0].batches.count == 1 else { return ["not one target with one batch"] }
    let target = full.targets[0]
    var batch = target.batches[0]
    // Of the broker's own fields it tells nothing.
    batch.baseOffset = 0
    batch.partitionEpoch = 0
    batch.appendTimestampMs = 0
    batch.durableEnd = 0
    batch.headerCRC32C = 0
    let checks = [
      ("acks", single.acks == full.acks), ("topic", single.topic == target.topic),
      ("partition", single.partition == target.partition), ("batch", single.batch == batch),
      ("topic id", target.topicID.readableBytes == 0), ("records", target.records.isEmpty),
    ]
    return checks.filter { !$0.1 }.map(\.0)
  }

  /// A buffer whose readable bytes these are, not always all of its bytes.
  private func buffer(_ bytes: [UInt8], _ margin: Int) -> ByteBuffer {
    var outer = ByteBuffer(bytes: [UInt8](repeating: 0x0A, count: margin) + bytes + [0x08, 0x03])
    outer.moveReaderIndex(forwardBy: margin)
    return outer.readSlice(length: bytes.count) ?? ByteBuffer()
  }

  private func isAccepted(_ bytes: [UInt8]) -> Bool { SingleProduce(scanning: ByteBuffer(bytes: bytes)) != nil }

  @Test func `what the scan reads, the full decoding reads too`() {
    let seed = SeededGenerator(for: "SingleProduceTests").seed
    var requests = OddProduce(seed: seed)
    var rounds = 0
    var accepted = 0
    for round in 0..<(environmentNumber("TAILRACE_FUZZ_ITERATIONS") ?? 20_000) {
      var bytes = requests.message()
      if requests.below(2) == 0 { bytes = requests.damaged(bytes) }
      let message = buffer(bytes, requests.below(3))
      rounds += 1
      guard let single = SingleProduce(scanning: message) else { continue }
      accepted += 1
      let found = differences(single, try? ProduceRequest(decoding: message))
      if !found.isEmpty {
        Issue.record("seed \(seed), round \(round): \(found): \(bytes)")
        return
      }
    }
    #expect(accepted > rounds / 10 && accepted < rounds / 10 * 9, "\(accepted) of \(rounds)")
  }

  @Test func `the usual encoding is never refused, and no part of it is taken for a message`() throws {
    let seed = SeededGenerator(for: "SingleProduceTests").seed
    var values = RandomValues(seed: seed)
    for round in 0..<300 {
      var batch = RecordBatch.random(&values)
      batch.records.writeInteger(1 as UInt8)
      let target = ProduceTarget(
        topic: "t" + values.string(), partition: values.integer(UInt32.self), batches: [batch])
      let acks = Acks(rawValue: Int32(values.below(4)))
      let bytes = try ProduceRequest(acks: acks, targets: [target]).encoded().allBytes
      let message = buffer(bytes, round % 3)
      let single = try #require(SingleProduce(scanning: message), "seed \(seed), round \(round)")
      #expect(differences(single, try ProduceRequest(decoding: message)) == [], "seed \(seed), round \(round)")
      for count in 0..<min(bytes.count, 300) where isAccepted(Array(bytes.prefix(count))) {
        Issue.record("seed \(seed), round \(round): \(count) bytes of \(bytes.count)")
      }
    }
  }

  @Test func `records are a slice of the message`() throws {
    let records = ByteBuffer(repeating: 0xAB, count: 5000)
    let target = ProduceTarget(topic: "t", partition: 0, batches: [RecordBatch(records: records)])
    let message = buffer(try ProduceRequest(targets: [target]).encoded().allBytes, 3)
    let single = try #require(SingleProduce(scanning: message))
    message.withUnsafeReadableBytes { outer in
      single.batch.records.withUnsafeReadableBytes { inner in
        let start = UInt(bitPattern: outer.baseAddress)
        #expect((start..<start + UInt(outer.count)).contains(UInt(bitPattern: inner.baseAddress)))
      }
    }
  }

  // Acks, then the target: topic, partition, batch with its records.
  private static let topic: [UInt8] = [0x0A, 1, 0x61]
  private static let partition: [UInt8] = [0x18, 9]
  private static let batch: [UInt8] = [0x2A, 4, 0x8A, 1, 1, 0x52]

  private static func request(_ target: [UInt8]) -> [UInt8] { [0x12, UInt8(target.count)] + target }

  static let usual: [[UInt8]] = [
    request(topic + partition + batch),
    request(batch + partition + topic) + [0x08, 3],  // another order
    request([0x0A, 0] + partition + batch),  // an empty topic, written all the same
    request(topic + [0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F] + batch),  // the highest partition
    request(topic + [0x18, 0x80, 0] + batch),  // padded
    request(topic + partition + [0x2A, 3, 0x8A, 1, 0]),  // empty records, written all the same
  ]

  @Test(arguments: usual) func `one batch is read, in whatever order it and the rest come`(bytes: [UInt8]) throws {
    let single = try #require(SingleProduce(scanning: ByteBuffer(bytes: bytes)))
    #expect(differences(single, try ProduceRequest(decoding: ByteBuffer(bytes: bytes))) == [])
  }

  static let other: [[UInt8]] = [
    [], [0x08, 1],
    request(topic + partition + batch) + request(topic + partition + batch),  // two targets
    request(topic + partition + batch + batch), request(topic + partition),  // two batches, none
    request(topic + batch), request(partition + batch),  // no partition, no topic
    request(topic + partition + [0x2A, 0]),  // no records
    request(topic + [0x18, 0x80, 0x80, 0x80, 0x80, 0x10] + batch),  // a partition of 33 bits
    request(topic + [0x12, 0] + partition + batch),  // a topic id
    request(topic + partition + batch + [0x22, 0]),  // a plain record
    request(topic + topic + partition + batch), request(topic + partition + partition + batch),
    [0x08, 4] + request(topic + partition + batch), [0x08, 1, 0x08, 1] + request(topic + partition + batch),
    [0x18, 0] + request(topic + partition + batch), request(topic + partition + batch + [0x30, 0]),  // unknown fields
    request(topic + partition + [0x2A, 7, 0x8A, 1, 1, 0x52, 0x90, 1, 0]),
    request(topic + partition + [0x2A, 6, 0x08, 1, 0x8A, 1, 1, 0x52]),  // format_version as a varint
    request(topic + partition + [0x2A, 9, 0x8A, 1, 1, 0x52, 0x0D, 1, 0, 0, 0]),  // a field behind the records
    request(topic + partition + [0x2A, 14, 0x1D, 1, 0, 0, 0, 0x0D, 1, 0, 0, 0, 0x8A, 1, 1, 0x52]),  // not in order
    request(topic + partition + [0x2A, 14, 0x0D, 1, 0, 0, 0, 0x0D, 1, 0, 0, 0, 0x8A, 1, 1, 0x52]),  // one twice
    request([0x0A, 1, 0] + partition + batch), request([0x0A, 2, 0xC3, 0x28] + partition + batch),  // no topic's name
  ]

  @Test(arguments: other) func `all else is left to the full decoding`(bytes: [UInt8]) {
    #expect(!isAccepted(bytes))
  }
}
