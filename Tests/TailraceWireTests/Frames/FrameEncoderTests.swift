import NIOCore
import TailraceWire
import Testing

@Suite struct FrameEncoderTests {
  private func take(_ bytes: ByteBuffer, limits: FrameLimits = .default) throws -> Frame {
    var decoder = FrameDecoder(limits: limits)
    decoder.receive(bytes)
    let next = try decoder.next()
    return try #require(next)
  }

  private static let ids: [UInt64] = [1, 127, 128, 300, 16_383, 16_384, 1 << 31, 1 << 35, 1 << 62, 1 << 63, .max]

  @Test(arguments: ids, [false, true])
  func `a good answer's header is what protobuf-c writes`(id: UInt64, reconnect: Bool) throws {
    let message = ByteBuffer(string: "some message")
    var bytes = ByteBuffer()
    FrameEncoder().writeResponsePrefix(
      id, messageBytes: message.readableBytes, reconnectAdvised: reconnect, to: &bytes)
    bytes.writeImmutableBuffer(message)
    let frame = try take(bytes)
    let expected = try ResponseHeader(callID: id, endOfStream: true, reconnectAdvised: reconnect).encoded()
    #expect(frame.header == expected)
    #expect(frame.message == message)
    let total = try #require(bytes.getInteger(at: 0, as: UInt32.self))
    #expect(Int(total) == bytes.readableBytes - 4)
  }

  @Test(arguments: ids)
  func `a good answer's header is read back without and with the shortcut`(id: UInt64) throws {
    for reconnect in [false, true] {
      let header = try ResponseHeader(callID: id, endOfStream: true, reconnectAdvised: reconnect).encoded()
      let scan = try ResponseHeaderScan(header, arena: Arena())
      #expect(scan.callID == id && scan.isLast && scan.failure == nil && scan.reconnectAdvised == reconnect)
    }
  }

  @Test func `a header that only looks like the usual one is not taken for it`() throws {
    // call_id 5, then field 2 (status) with one byte 1: no status at all.
    #expect(throws: FrameError.malformedHeader) {
      try ResponseHeaderScan(ByteBuffer(bytes: [0x08, 0x05, 0x12, 0x01]), arena: Arena())
    }
    // The number runs into the next field's tag.
    #expect(throws: FrameError.malformedHeader) {
      try ResponseHeaderScan(ByteBuffer(bytes: [0x08, 0x85, 0x18, 0x01]), arena: Arena())
    }
    let open = try ResponseHeader(callID: 9).encoded()
    #expect(try ResponseHeaderScan(open, arena: Arena()).isLast == false)
  }

  @Test func `a failure arrives as it was`() throws {
    let error = RPCError(.notFound, "no topic 'clicks' – gone", error: .unknownTopic)
    var bytes = ByteBuffer()
    FrameEncoder().writeFailure(77, error, to: &bytes)
    let frame = try take(bytes)
    let scan = try ResponseHeaderScan(frame.header, arena: Arena())
    #expect(scan.callID == 77 && scan.isLast)
    #expect(scan.failure == error)
    #expect(frame.message.readableBytes == 0)
  }

  @Test func `a failure's text is cut to fit the header and freed of what protobuf-c cannot hold`() throws {
    let limits = FrameLimits(maxFrameBytes: 4000, maxHeaderBytes: 200)
    for text in [String(repeating: "ä", count: 5000), "a\0b", "\u{1}", String(repeating: "\0", count: 500)] {
      var bytes = ByteBuffer()
      FrameEncoder(limits: limits).writeFailure(.max, RPCError(.unknown, text), reconnectAdvised: true, to: &bytes)
      let frame = try take(bytes, limits: limits)
      #expect(frame.header.readableBytes <= 200)
      let message = try ResponseHeaderScan(frame.header, arena: Arena()).failure?.message
      #expect(message?.isEmpty == false)
      #expect(message?.contains("\0") == false)
    }
  }

  @Test func `the largest answer fills a frame and not more`() throws {
    let limits = FrameLimits(maxFrameBytes: 300)
    let encoder = FrameEncoder(limits: limits)
    var bytes = ByteBuffer()
    encoder.writeResponsePrefix(.max, messageBytes: encoder.maxResponseBytes, reconnectAdvised: true, to: &bytes)
    bytes.writeRepeatingByte(1, count: encoder.maxResponseBytes)
    #expect(bytes.readableBytes == 4 + 300)
    #expect(try take(bytes, limits: limits).message.readableBytes == encoder.maxResponseBytes)
  }

  @Test func `a request is scanned back without unpacking it`() throws {
    let header = RequestHeader(
      callID: 1 << 40, method: RPCMethod.logServiceProduce.fullName, timeoutMs: 1500,
      metadata: [Metadata(key: "trace", value: "abc")], credit: 12)
    var bytes = ByteBuffer()
    try FrameEncoder().writeRequest(header, message: ByteBuffer(string: "payload"), to: &bytes)
    let frame = try take(bytes)
    let scan = try RequestHeaderScan(frame.header)
    #expect(scan.callID == 1 << 40 && scan.method == .logServiceProduce && scan.timeoutMs == 1500)
    #expect(scan.metadataCount == 1 && !scan.cancel && scan.credit == 12)
    #expect(try RequestHeader(decoding: frame.header).metadata == header.metadata)
    #expect(String(buffer: frame.message) == "payload")
  }

  @Test func `a request too large for its frame leaves the output as it was`() {
    let limits = FrameLimits(maxFrameBytes: 100, maxHeaderBytes: 60)
    let encoder = FrameEncoder(limits: limits)
    var bytes = ByteBuffer(string: "before")
    #expect(throws: EncodeError.self) {
      try encoder.writeRequest(
        RequestHeader(callID: 1), message: ByteBuffer(repeating: 0, count: 99), to: &bytes)
    }
    #expect(throws: EncodeError.self) {
      try encoder.writeRequest(
        RequestHeader(callID: 1, method: String(repeating: "m", count: 60)), message: ByteBuffer(), to: &bytes)
    }
    #expect(String(buffer: bytes) == "before")
  }

  @Test func `an unknown method is named in plain text`() throws {
    let header = try RequestHeader(callID: 1, method: "no/such\u{7}" + String(repeating: "x", count: 200)).encoded()
    let scan = try RequestHeaderScan(header)
    #expect(scan.method == nil && scan.namesMethod)
    let name = RequestHeaderScan.methodName(in: header)
    #expect(name.hasPrefix("no/such\u{FFFD}xxx") && name.utf8.count <= 100)
  }
}
