import NIOCore
import TailraceWire
import Testing

@Suite struct PrefaceTests {
  @Test func `the client's preface has the bytes that are documented`() throws {
    var bytes = ByteBuffer()
    ClientPreface().write(to: &bytes)
    #expect(Array(bytes.readableBytesView) == Array("TRPC".utf8) + [1, 0, 0, 0])
    #expect(try ClientPreface(reading: &bytes) == ClientPreface(majorVersion: 1))
    #expect(bytes.readableBytes == 0)
  }

  @Test func `the server's preface names the range that it accepts`() throws {
    var bytes = ByteBuffer()
    ServerPreface(answering: ClientPreface()).write(to: &bytes)
    #expect(Array(bytes.readableBytesView) == Array("TRPC".utf8) + [1, 1, 1, 0])
    #expect(ServerPreface(answering: ClientPreface(majorVersion: 9)).majorVersion == 0)
  }

  @Test func `a preface that is not complete is left alone`() throws {
    for count in 0..<8 {
      var bytes = ByteBuffer(bytes: (Array("TRPC".utf8) + [1, 0, 0, 0]).prefix(count))
      #expect(try ClientPreface(reading: &bytes) == nil)
      #expect(bytes.readableBytes == count)
    }
  }

  @Test(arguments: [0, 1, 2, 3, 5, 6, 7])
  func `a preface with one wrong byte is refused`(index: Int) {
    var bytes = ByteBuffer(bytes: Array("TRPC".utf8) + [1, 0, 0, 0])
    bytes.setInteger(0x2A as UInt8, at: index)
    #expect(throws: FrameError.malformedPreface) { try ClientPreface(reading: &bytes) }
  }
}
