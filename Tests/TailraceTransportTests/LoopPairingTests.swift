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

  @Test func `connections made one behind the other share loops in pairs, and all loops get as many`() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 3)
    let pairing = LoopPairing(group)
    let loops = Mutex<[ObjectIdentifier]>([])
    let server = try await ServerBootstrap(group: group)
      .childChannelInitializer { channel in
        pairing.note(channel)
        loops.withLock { $0.append(ObjectIdentifier(channel.eventLoop)) }
        return channel.eventLoop.makeSucceededVoidFuture()
      }
      .bind(host: "127.0.0.1", port: 0).get()
    var clients: [any Channel] = []
    for count in 1...12 {
      clients.append(
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(
          to: try #require(server.localAddress)
        ).get())
      while loops.withLock({ $0.count }) < count { try await Task.sleep(for: .milliseconds(1)) }
    }
    let order = loops.withLock { $0 }
    // Which loop the first one gets is chance, and so whether it completes a pair.
    for pair in stride(from: 0, to: 12, by: 2) { #expect(order[pair] == order[pair + 1], "\(pair)") }
    for loop in Set(order) { #expect(order.filter { $0 == loop }.count == 4) }
    for client in clients { try await client.close() }
    try await server.close()
    try await group.shutdownGracefully()
  }
}
