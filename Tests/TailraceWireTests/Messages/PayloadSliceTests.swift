import NIOCore
import SwiftProtobuf
import TailraceWire
import Testing

@Suite("Payloads are slices of the buffer they came in")
struct PayloadSliceTests {
  private let payload = [UInt8](repeating: 0xab, count: 5000)

  private func batch(_ payload: [UInt8], _ offset: Int64 = 0) -> RecordBatch {
    RecordBatch(baseOffset: offset, records: ByteBuffer(bytes: payload))
  }

  /// The address of the first readable byte: compared, never read.
  private func address(_ buffer: ByteBuffer) -> UInt {
    buffer.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
  }

  /// Whether `part` lies inside the storage of `whole`.
  private func shares(_ part: ByteBuffer, _ whole: ByteBuffer) -> Bool {
    (address(whole)..<(address(whole) + UInt(whole.readableBytes))).contains(address(part))
  }

  @Test func `Nested payloads share storage with the source, each with its own batch`() throws {
    let request = ProduceRequest(targets: [
      ProduceTarget(topic: "a", batches: [batch([1, 2, 3], 1), batch([], 2), batch(payload, 3)]),
      ProduceTarget(topic: "b"),
      ProduceTarget(topic: "c", records: [ProduceRecord(value: ByteBuffer(string: "v"))], batches: [batch([9], 4)]),
    ])
    // Not at the beginning of its buffer, as in a frame.
    var source = ByteBuffer(bytes: [7, 7, 7])
    try request.encode(into: &source, arena: Arena())
    source.moveReaderIndex(forwardBy: 3)
    let back = try ProduceRequest(decoding: source)
    #expect(back == request)
    for batch in back.targets.flatMap(\.batches) where batch.records.readableBytes > 0 {
      #expect(shares(batch.records, source))
    }
  }

  @Test func `Every message with one way to the payload knows it`() {
    #expect(RecordBatch.payloadPath == [17])
    #expect(Segment.payloadPath == [15, 17])
    #expect(ProduceRequest.payloadPath == [2, 5, 17])
    #expect(FetchResponse.payloadPath == [1, 15, 17])
    #expect(SubscribeResponse.payloadPath == [1, 15, 17])
    #expect(FetchRequest.payloadPath == [])
  }

  @Test func `A payload that occurs twice in one message is the last one, copied`() throws {
    var source = try batch([1, 2, 3], 5).encoded()
    source.writeImmutableBuffer(try RecordBatch(records: ByteBuffer(bytes: [4, 5])).encoded())
    let independent = try Tailrace_V1_RecordBatch(serializedBytes: source.allBytes)
    let back = try RecordBatch(decoding: source)
    #expect(back.records == ByteBuffer(bytes: [4, 5]))
    #expect(back.baseOffset == 5)
    #expect(back.differences(from: independent) == [])
  }

  @Test func `Changing the source afterwards does not change the message`() throws {
    var source = try batch(payload).encoded()
    let back = try RecordBatch(decoding: source)
    source.setRepeatingByte(0, count: source.readableBytes, at: source.readerIndex)
    #expect(back.records == ByteBuffer(bytes: payload))
  }

  @Test func `A large payload takes no arena memory`() throws {
    let source = try batch([UInt8](repeating: 1, count: 1 << 20)).encoded()
    let arena = Arena(initialBytes: 1024, limitBytes: 4096)
    #expect(try RecordBatch(decoding: source, arena: arena).records.readableBytes == 1 << 20)
  }
}
