import NIOCore
import NIOPosix
import Synchronization

/// Takes connections and says nothing.
package final class SilentServer: Sendable {
  private let listener = Mutex<(any Channel)?>(nil)
  private let count = Atomic<Int>(0)

  package static func start() async throws -> SilentServer {
    let server = SilentServer()
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        server.count.wrappingAdd(1, ordering: .relaxed)
        channel.closeFuture.whenComplete { _ in server.count.wrappingSubtract(1, ordering: .relaxed) }
        return channel.eventLoop.makeSucceededVoidFuture()
      }
      .bind(host: "127.0.0.1", port: 0).get()
    server.listener.withLock { $0 = channel }
    return server
  }

  package var port: Int { listener.withLock { $0?.localAddress?.port ?? 0 } }

  package var address: String { "127.0.0.1:\(port)" }

  /// Connections that are open.
  package var connectionCount: Int { count.load(ordering: .relaxed) }

  package func stop() async { try? await listener.withLock { $0 }?.close() }
}
