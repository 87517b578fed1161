import NIOCore
import NIOPosix
import Synchronization
@testable import TailraceTransport
import Testing

@Suite struct LoopPairingTests {
  @Test func `half a pair is completed first, then the loop with the fewest connections gets one`() {
    #expect(LoopPairing.choose([1, 0, 0], after: 0) == 0)
    #expect(LoopPairing.choose([2, 0, 0], after: 0) == 1)
    #expect(LoopPairing.choose([2, 1, 0], after: 1) == 1)
    #expect(LoopPairing.choose([2, 1, 3], after: 2) == 2)
    #expect(LoopPairing.choose([4, 1, 2], after: 2) == 1)
    #expect(LoopPairing.choose([4, 2, 2], after: 0) == 1)
  }

  /// A connection, from both sides.
  private struct Pair {
    let client: any Channel
    let server: any Channel

    var loop: ObjectIdentifier { ObjectIdentifier(server.eventLoop) }
  }

  /// Runs `body` with a way to connect to a server of so many loops, one connection at a time.
  private func withServer(
    loops count: Int, _ body: (_ connect: () async throws -> Pair) async throws -> Void
  ) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
    let pairing = LoopPairing(group)
    let accepted = Mutex<[any Channel]>([])
    let server = try await ServerBootstrap(group: group)
      .childChannelInitializer { channel in
        pairing.note(channel)
        accepted.withLock { $0.append(channel) }
        return channel.eventLoop.makeSucceededVoidFuture()
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let address = try #require(server.localAddress)
    try await body {
      let before = accepted.withLock { $0.count }
      let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(to: address).get()
      while accepted.withLock({ $0.count }) == before { await Task.yield() }
      return Pair(client: client, server: accepted.withLock { $0[before] })
    }
    try await server.close()
    try await group.shutdownGracefully()
  }

  @Test func `connections made one behind the other share loops in pairs, and all loops get as many`() async throws {
    try await withServer(loops: 3) { connect in
      var order: [ObjectIdentifier] = []
      for _ in 0..<12 { order.append(try await connect().loop) }
      for pair in stride(from: 0, to: 12, by: 2) { #expect(order[pair] == order[pair + 1], "\(pair)") }
      for loop in Set(order) { #expect(order.filter { $0 == loop }.count == 4) }
    }
  }

  @Test func `a connection that closes does not part those that come behind it`() async throws {
    try await withServer(loops: 2) { connect in
      let passing = try await connect()
      let producer = try await connect()
      #expect(producer.loop == passing.loop)
      try await passing.client.close()
      try await passing.server.closeFuture.get()
      #expect(try await connect().loop == producer.loop)
    }
  }
}
