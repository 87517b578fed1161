import NIOCore
import TailraceTestSupport
import TailraceWire
import Testing

@Suite struct SingleProduceRequestTests {
  @Test func `it is the full message, whatever is in it, and the broker's short way reads it`() throws {
    let seed = SeededGenerator(for: "SingleProduceRequestTests").seed
    var values = RandomValues(seed: seed)
    for round in 0..<300 {
      var builder = RecordSetBuilder(baseTimestampMs: Int64(values.below(1 << 40)))
      for _ in 0...values.below(40) {
        builder.append(key: values.bool() ? values.buffer() : nil, value: values.buffer(), timestampMs: 7)
      }
      let batch = try builder.build(compression: values.bool() ? .none : .zstd)
        .from(
          producerID: Int64(values.below(1 << 40)), epoch: UInt32(values.below(9)),
          sequence: UInt32(values.below(1 << 31)))
      let acks = Acks(rawValue: Int32(values.below(4)))
      let topic = String(repeating: "t", count: 1 + Int(values.below(200)))
      let partition = UInt32(values.below(10_000))
      var message = SingleProduceRequest.prefix(
        acks: acks, topic: topic, partition: partition, header: batch.header)
      message.writeImmutableBuffer(batch.records)
      let full = ProduceRequest(
        acks: acks, targets: [ProduceTarget(topic: topic, partition: partition, batches: [batch.message])])
      #expect(try ProduceRequest(decoding: message) == full, "seed \(seed), round \(round)")
      let single = try #require(SingleProduce(scanning: message), "seed \(seed), round \(round)")
      #expect(single.batch.records == batch.records && single.topic == topic && single.partition == partition)
    }
  }
}
