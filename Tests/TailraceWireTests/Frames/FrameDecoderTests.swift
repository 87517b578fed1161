import NIOCore
import TailraceWire
import Testing

@Suite struct FrameDecoderTests {
  private let limits = FrameLimits(maxFrameBytes: 1000, maxHeaderBytes: 100)

  private func frame(header: Int, message: Int) -> ByteBuffer {
    var bytes = ByteBuffer()
    bytes.writeMultipleIntegers(UInt32(2 + header + message), UInt16(header))
    bytes.writeBytes((0..<header).map { UInt8(truncatingIfNeeded: $0) })
    bytes.writeBytes((0..<message).map { UInt8(truncatingIfNeeded: $0 &* 7) })
    return bytes
  }

  private func lengths(_ length: UInt32, _ headerLength: UInt16? = nil) -> ByteBuffer {
    var bytes = ByteBuffer(integer: length)
    if let headerLength { bytes.writeInteger(headerLength) }
    return bytes
  }

  private func decode(_ bytes: ByteBuffer, limits: FrameLimits? = nil) throws(FrameError) -> Frame? {
    var decoder = FrameDecoder(limits: limits ?? self.limits)
    decoder.receive(bytes)
    return try decoder.next()
  }

  @Test func `frames that come byte by byte are those that were sent`() throws {
    let sizes = [(0, 0), (1, 0), (0, 1), (5, 300), (100, 898), (3, 3)]
    var decoder = FrameDecoder(limits: limits)
    var seen: [Frame] = []
    for (header, message) in sizes {
      for byte in frame(header: header, message: message).readableBytesView {
        decoder.receive(ByteBuffer(bytes: [byte]))
        while let next = try decoder.next() { seen.append(next) }
      }
    }
    #expect(seen.map { $0.header.readableBytes } == sizes.map { $0.0 })
    #expect(seen.map { $0.message.readableBytes } == sizes.map { $0.1 })
    #expect(seen[3].message == frame(header: 5, message: 300).getSlice(at: 11, length: 300))
    #expect(decoder.partialBytes == 0)
  }

  @Test(arguments: [1, 2, 3, 5, 6, 7, 64, 1000, 5000])
  func `frames that come in bursts are those that were sent`(burst: Int) throws {
    var stream = ByteBuffer()
    for index in 0..<50 { stream.writeImmutableBuffer(frame(header: index % 20, message: index * 11)) }
    var decoder = FrameDecoder(limits: limits)
    var sizes: [Int] = []
    while let part = stream.readSlice(length: min(burst, stream.readableBytes)), part.readableBytes > 0 {
      decoder.receive(part)
      while let next = try decoder.next() {
        let expected = (0..<sizes.count * 11).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        #expect(next.message.readableBytesView.elementsEqual(expected))
        sizes.append(next.message.readableBytes)
      }
    }
    #expect(sizes == (0..<50).map { $0 * 11 })
  }

  /// A frame of its own content, that comes in two reads.
  private func cutFrame(_ decoder: inout FrameDecoder, filledWith byte: UInt8) throws -> ByteBuffer {
    var bytes = lengths(802, 0)
    bytes.writeRepeatingByte(byte, count: 800)
    decoder.receive(bytes.getSlice(at: 0, length: 300) ?? ByteBuffer())
    let early = try decoder.next()
    #expect(early == nil)
    decoder.receive(bytes.getSlice(at: 300, length: bytes.readableBytes - 300) ?? ByteBuffer())
    let frame = try decoder.next()
    return try #require(frame).message
  }

  private func address(_ bytes: ByteBuffer) -> UnsafeRawPointer? {
    bytes.withVeryUnsafeBytes { UnsafeRawPointer($0.baseAddress) }
  }

  @Test func `the buffer of a cut frame serves again once nobody holds it`() throws {
    var decoder = FrameDecoder(limits: limits, maxSpares: 1)
    let first = address(try cutFrame(&decoder, filledWith: 1))
    #expect(address(try cutFrame(&decoder, filledWith: 2)) == first)
  }

  @Test func `a frame that somebody holds stays as it was`() throws {
    var decoder = FrameDecoder(limits: limits, maxSpares: 2)
    let held = try (1...5).map { try cutFrame(&decoder, filledWith: $0) }
    for (byte, message) in zip(UInt8(1)..., held) {
      #expect(message == ByteBuffer(repeating: byte, count: 800))
    }
  }

  @Test func `two reads before the first look are both seen`() throws {
    var decoder = FrameDecoder(limits: limits)
    decoder.receive(frame(header: 1, message: 2))
    decoder.receive(frame(header: 3, message: 4))
    #expect(try decoder.next()?.header.readableBytes == 1)
    #expect(try decoder.next()?.header.readableBytes == 3)
    #expect(try decoder.next() == nil)
  }

  @Test func `whole frames are slices of the bytes received`() throws {
    let bytes = frame(header: 10, message: 500)
    let frame = try #require(try decode(bytes))
    let inside = bytes.withUnsafeReadableBytes { outer in
      frame.message.withUnsafeReadableBytes { inner in
        inner.baseAddress.map { $0 >= outer.baseAddress! && $0 < outer.baseAddress! + outer.count } ?? false
      }
    }
    #expect(inside)
  }

  @Test func `a frame of exactly the limit is accepted and one byte more is not`() throws {
    #expect(try decode(frame(header: 10, message: 1000 - 12))?.message.readableBytes == 988)
    #expect(throws: FrameError.frameTooLong(length: 1001, maxBytes: 1000)) { try decode(lengths(1001)) }
  }

  @Test func `a header of exactly the limit is accepted and one byte more is not`() throws {
    #expect(try decode(frame(header: 100, message: 0))?.header.readableBytes == 100)
    #expect(throws: FrameError.headerTooLong(length: 101, maxBytes: 100)) { try decode(lengths(500, 101)) }
  }

  @Test func `a header may fill its frame but not pass it`() throws {
    #expect(try decode(frame(header: 40, message: 0))?.header.readableBytes == 40)
    #expect(throws: FrameError.headerPastFrame(headerLength: 39, frameLength: 40)) { try decode(lengths(40, 39)) }
  }

  @Test(arguments: [0, 1] as [UInt32])
  func `a frame without room for its header's length is refused`(length: UInt32) {
    #expect(throws: FrameError.frameTooShort(length: Int(length))) { try decode(lengths(length)) }
  }

  @Test func `the smallest frame has neither header nor message`() throws {
    let frame = try #require(try decode(lengths(2, 0)))
    #expect(frame.header.readableBytes == 0 && frame.message.readableBytes == 0)
  }

  @Test func `a huge length is refused by its four bytes alone`() {
    #expect(throws: FrameError.frameTooLong(length: Int(UInt32.max), maxBytes: 1000)) { try decode(lengths(.max)) }
    #expect(throws: FrameError.self) { try decode(lengths(.max), limits: .default) }
  }

  @Test func `an announced length takes no memory before its bytes come`() throws {
    var decoder = FrameDecoder(limits: .default)
    decoder.receive(lengths(16 << 20, 10))
    #expect(try decoder.next() == nil)
    #expect(decoder.partialBytes == 6)
    decoder.receive(ByteBuffer(repeating: 1, count: 1000))
    #expect(try decoder.next() == nil)
    #expect(decoder.partialBytes == 1006)
  }

  @Test func `limits past what the length fields hold are cut to that`() {
    #expect(FrameLimits(maxFrameBytes: .max, maxHeaderBytes: .max).maxFrameBytes == Int(UInt32.max))
    #expect(FrameLimits(maxFrameBytes: .max, maxHeaderBytes: .max).maxHeaderBytes == 65_535)
    #expect(FrameLimits.default.maxFrameBytes == 16_777_216)
    #expect(FrameLimits.default.maxHeaderBytes == 16_384)
  }
}
