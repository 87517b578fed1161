import NIOCore
import SwiftProtobuf
import TailraceClient
import TailraceProtobuf
import Testing

@Suite struct ProtobufCodecTests {
  private let message = Google_Protobuf_Struct(fields: [
    "id": 7, "name": "tailrace", "flag": true, "nothing": nil,
  ])

  @Test func `a message comes back as it was, from the bytes that SwiftProtobuf writes`() throws {
    let codec = ProtobufCodec(Google_Protobuf_Struct.self)
    for message in [message, Google_Protobuf_Struct()] {
      // Behind what is in the buffer already.
      var buffer = ByteBuffer(string: "before")
      try codec.encode(message, into: &buffer)
      #expect(buffer.readString(length: 6) == "before")
      #expect(try Google_Protobuf_Struct(serializedBytes: Array(buffer.readableBytesView)) == message)
      #expect(try codec.decode(buffer) == message)
    }
  }

  /// The code of the module's README.
  @Test func `a codec is made once and used for many records`() throws {
    let seen = Google_Protobuf_Timestamp(seconds: 1_700_000_000, nanos: 0)
    let codec = ProtobufCodec(Google_Protobuf_Timestamp.self)
    let sent = try ProducerRecord(key: "ann", as: .string, value: seen, as: codec)
    let read = ConsumerRecord(topic: "visits", partition: 0, offset: 0, key: sent.key, value: sent.value)
    if let time = try read.value(as: codec) { print(time.seconds) }
    #expect(try read.value(as: codec) == seen)
  }

  @Test func `records have messages as keys and values`() throws {
    let sent = try ProducerRecord(
      key: Google_Protobuf_Int64Value(7), as: .protobuf(), value: message, as: .protobuf(Google_Protobuf_Struct.self))
    let read = ConsumerRecord(topic: "orders", partition: 0, offset: 0, key: sent.key, value: sent.value)
    #expect(try read.key(as: .protobuf(Google_Protobuf_Int64Value.self)) == Google_Protobuf_Int64Value(7))
    #expect(try read.value(as: .protobuf(Google_Protobuf_Struct.self)) == message)
  }

  @Test func `bytes that are no message are refused`() throws {
    let codec = ProtobufCodec(Google_Protobuf_Struct.self)
    var bytes = ByteBuffer()
    try codec.encode(message, into: &bytes)
    for length in 1..<bytes.readableBytes {
      // A message may end between two of its fields; what is cut within one is no message.
      guard let cut = try? codec.decode(bytes.getSlice(at: 0, length: length) ?? bytes) else { continue }
      #expect(cut.fields.count < message.fields.count)
    }
    #expect(throws: (any Error).self) { try codec.decode(ByteBuffer(bytes: [0x0A, 0xFF])) }
  }

  @Test func `messages nested too deep are refused`() throws {
    var options = BinaryDecodingOptions()
    options.messageDepthLimit = 1
    var bytes = ByteBuffer()
    try ProtobufCodec(Google_Protobuf_Struct.self).encode(message, into: &bytes)
    #expect(throws: (any Error).self) {
      try ProtobufCodec(Google_Protobuf_Struct.self, options: options).decode(bytes)
    }
  }
}
