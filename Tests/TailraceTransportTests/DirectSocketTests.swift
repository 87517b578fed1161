import NIOCore
import NIOEmbedded
import NIOPosix
import TailraceWire
import Testing
@testable import TailraceTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Answers that are written past their channel.
@Suite(.timeLimit(.minutes(15))) struct DirectSocketTests {
  @Test func `what the socket does not take at once comes by way of the channel, in order, with what follows`()
    async throws
  {
    try await withServer { _, port in
      let socket = try RawSocket.native(port: port, receiveBufferBytes: 4096)
      // More than sockets keep; of messages that are gathered, for larger ones do not come this way.
      let texts = (1...900).map { "\($0) " + String(repeating: "x", count: 24 << 10) }
      for (index, text) in texts.enumerated() { try socket.write(call(UInt64(index + 1), .adminServicePing, text)) }
      for (index, text) in texts.enumerated() {
        let answer = try socket.nextAnswer()
        #expect(answer.id == UInt64(index + 1) && answer.text == text)
      }
      try socket.write(call(1, .adminServicePing, "and this directly again"))
      #expect(try socket.nextAnswer().text == "and this directly again")
    }
  }

  @Test func `a channel that is closed is not written to, whoever has its descriptor`() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let server = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
    let client = try await ClientBootstrap(group: group).connect(to: try #require(server.localAddress)).get()
    let counts = try await client.eventLoop.submit {
      let socket = try #require(DirectSocket(client))
      let bytes: [UInt8] = [1, 2, 3]
      let before = bytes.withUnsafeBytes(socket.write)
      let descriptor = try client.pipeline.syncOperations.withUnsafeTransportIfAvailable { (it: CInt) in it }
      client.close(promise: nil)
      // Somebody else's, by now.
      var ends: [CInt] = [-1, -1]
      try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
      defer { for end in ends { close(end) } }
      // Taken without taking it from another test, should that have it by now.
      let taken = ends.contains(try #require(descriptor)) ? -1 : fcntl(ends[0], F_DUPFD, descriptor ?? 0)
      defer { if taken >= 0 { close(taken) } }
      return [before, bytes.withUnsafeBytes(socket.write)]
    }.get()
    #expect(counts == [3, 0])
    try await server.close().get()
  }

  @Test func `a channel without a socket has none`() {
    #expect(DirectSocket(EmbeddedChannel()) == nil)
  }
}
