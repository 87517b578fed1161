import Foundation
import NIOCore
import TailraceClient
import TailraceTestSupport
import Testing

@Suite struct CodecTests {
  private struct Order: Codable, Hashable {
    var id: UInt64
    var customer: String
    var note: String?
    var lines: [String: Double]
  }

  private func roundTrip<C: Codec>(_ value: C.Value, _ codec: C) throws -> C.Value {
    var buffer = ByteBuffer(string: "before")
    try codec.encode(value, into: &buffer)
    #expect(buffer.readString(length: 6) == "before")
    return try codec.decode(buffer)
  }

  private func text(using generator: inout SeededGenerator) -> String {
    let scalars = (0..<generator.below(40)).compactMap { _ in
      Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &generator))
    }
    return String(String.UnicodeScalarView(scalars))
  }

  @Test func `what is written is what is read`() throws {
    var generator = SeededGenerator(for: "CodecTests")
    for _ in 0..<1_000 {
      let bytes = generator.bytes(generator.below(60))
      #expect(try roundTrip(bytes, .bytes) == bytes)
      #expect(try roundTrip(ByteBuffer(bytes: bytes), .byteBuffer) == ByteBuffer(bytes: bytes))
      #expect(try roundTrip(Data(bytes), .data) == Data(bytes))
      let text = text(using: &generator)
      #expect(Array(try roundTrip(text, .string).utf8) == Array(text.utf8))
      let order = Order(
        id: .random(in: 0...(.max), using: &generator), customer: text,
        note: Bool.random(using: &generator) ? text : nil,
        lines: ["a": .random(in: -1e300...1e300, using: &generator)])
      #expect(try roundTrip(order, .json()) == order)
    }
  }

  @Test func `equal values are equal JSON`() throws {
    let codec = JSONCodec([String: Int].self)
    let keys = (0..<100).map { "key-\($0)" }
    var buffers: Set<ByteBuffer> = []
    for _ in 0..<10 {
      var value: [String: Int] = [:]
      for key in keys.shuffled() { value[key] = 1 }
      var buffer = ByteBuffer()
      try codec.encode(value, into: &buffer)
      buffers.insert(buffer)
    }
    #expect(buffers.count == 1)
  }

  @Test func `JSON takes the form that its encoder and decoder are set to`() throws {
    let (encoder, decoder) = (JSONEncoder(), JSONDecoder())
    encoder.dateEncodingStrategy = .iso8601
    decoder.dateDecodingStrategy = .iso8601
    let codec = JSONCodec([Date].self, encoder: encoder, decoder: decoder)
    var buffer = ByteBuffer()
    try codec.encode([Date(timeIntervalSince1970: 0)], into: &buffer)
    #expect(String(buffer: buffer) == #"["1970-01-01T00:00:00Z"]"#)
    #expect(try codec.decode(buffer) == [Date(timeIntervalSince1970: 0)])
  }

  @Test(arguments: [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0x61, 0xF8, 0x88]] as [[UInt8]])
  func `bytes that are not UTF-8 are refused`(bytes: [UInt8]) {
    #expect { try StringCodec().decode(ByteBuffer(bytes: bytes)) } throws: {
      ($0 as? TailraceError)?.code == .invalidRecord
    }
  }

  @Test(arguments: [
    "", "{", "{}x", "[1]", "null", #"{"id": -1}"#, #"{"id": "1"}"#, "{\"id\": 1, \"customer\": \"\u{0}\"}",
  ])
  func `bytes that are not the type's JSON are refused`(text: String) {
    #expect(throws: DecodingError.self) { try JSONCodec(Order.self).decode(ByteBuffer(string: text)) }
  }

  @Test func `records have typed keys and values`() throws {
    let order = Order(id: 1, customer: "a", note: nil, lines: [:])
    let sent = try ProducerRecord(
      key: "a", as: .string, value: order, as: .json(Order.self), headers: [RecordHeader("kind", "new")],
      timestampMs: 5, partition: 2)
    #expect(sent.headers.count == 1 && sent.timestampMs == 5 && sent.partition == 2)
    let read = ConsumerRecord(topic: "orders", partition: 2, offset: 7, key: sent.key, value: sent.value)
    #expect(try read.key(as: .string) == "a")
    #expect(try read.value(as: .json(Order.self)) == order)
  }

  @Test func `absent and empty differ`() throws {
    let tombstone = try ProducerRecord(key: "a", as: .string, value: nil, as: .string)
    #expect(tombstone.key != nil && tombstone.value == nil)
    let empty = try ProducerRecord(value: "", as: .string)
    #expect(empty.key == nil && empty.value == ByteBuffer())
    let read = ConsumerRecord(topic: "orders", partition: 0, offset: 0, key: ByteBuffer())
    #expect(try read.key(as: .string) == "" && read.value(as: .string) == nil)
  }

  @Test func `a value that cannot be read says where it is, and why`() throws {
    let read = ConsumerRecord(
      topic: "orders", partition: 2, offset: 7, key: ByteBuffer(bytes: [0xFF]), value: ByteBuffer(string: "{"))
    #expect { try read.value(as: .json(Order.self)) } throws: { error in
      guard let error = error as? TailraceError else { return false }
      return error.code == .invalidRecord && !error.isRetriable && error.cause is DecodingError
        && error.message == "the value of the record at offset 7 of orders[2] cannot be read"
    }
    #expect { try read.key(as: .string) } throws: { "\($0)".contains("not UTF-8") }
  }

  @Test func `a value that cannot be written is an error with its cause`() {
    #expect { try ProducerRecord(value: Double.nan, as: .json()) } throws: { error in
      let error = error as? TailraceError
      return error?.code == .invalidRecord && error?.cause is EncodingError
    }
  }
}
