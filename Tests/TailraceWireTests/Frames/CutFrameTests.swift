import NIOCore
import Testing
@testable import TailraceWire

/// Frames that come in many reads.
@Suite struct CutFrameTests {
  private func frame(messageBytes: Int) throws -> ByteBuffer {
    var bytes = ByteBuffer()
    let header = RequestHeader(callID: 1, method: RPCMethod.adminServicePing.fullName)
    try FrameEncoder().writeRequest(header, message: ByteBuffer(repeating: 7, count: messageBytes), to: &bytes)
    return bytes
  }

  /// Where the decoder keeps what came of a frame; nil where it keeps nothing.
  private func storage(of decoder: borrowing FrameDecoder) -> UInt? {
    decoder.partial?.withVeryUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
  }

  @Test(arguments: [1, 100, 4_096]) func `what came of a frame is moved only as it outgrows its room`(readBytes: Int)
    throws
  {
    var rest = try frame(messageBytes: readBytes * 2_000)
    let whole = rest
    var decoder = FrameDecoder()
    var moves = 0
    var last: UInt?
    while rest.readableBytes > 0, let read = rest.readSlice(length: min(readBytes, rest.readableBytes)) {
      // As from a socket: each in memory of its own.
      decoder.receive(ByteBuffer(bytes: read.readableBytesView))
      let isWhole = try decoder.wholeFrames() != nil
      #expect(isWhole == (rest.readableBytes == 0))
      let now = storage(of: decoder)
      #expect(now != nil)
      if now != last { moves += 1 }
      last = now
    }
    // Its room doubles each time.
    #expect(moves <= 24)
    let next = try decoder.next()
    let taken = try #require(next)
    #expect(taken.message.readableBytes == readBytes * 2_000)
    #expect(taken.header == whole.getSlice(at: 6, length: taken.header.readableBytes))
    #expect(decoder.bufferedBytes == 0 && storage(of: decoder) == nil)
  }

  @Test func `a message is where its frame was gathered, not copied again`() throws {
    var rest = try frame(messageBytes: 10_000)
    var decoder = FrameDecoder()
    for _ in 0..<2 {
      guard let read = rest.readSlice(length: rest.readableBytes / 2 + rest.readableBytes % 2) else { break }
      decoder.receive(read)
      #expect(try decoder.wholeFrames() == nil)
    }
    decoder.receive(rest)
    #expect(try decoder.wholeFrames() != nil)
    let found = storage(of: decoder)
    let place = try #require(found)
    let next = try decoder.next()
    let message = try #require(next).message
    let address = message.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
    #expect(address > place && address < place + 10_100)
  }
}
