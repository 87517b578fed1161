import NIOCore
import NIOPosix
import Synchronization

/// An address that stays while brokers come and go behind it: passes connections on to where it is told, or refuses them.
final class Switchboard: Sendable {
  private struct State {
    var target: Int?
    var channels: [ObjectIdentifier: any Channel] = [:]
  }

  private let state: Mutex<State>
  private let listener = Mutex<(any Channel)?>(nil)

  private init(to target: Int) { state = Mutex(State(target: target)) }

  /// Listens on a free port, and passes on to `target` on this machine.
  static func start(to target: Int) async throws -> Switchboard {
    let board = Switchboard(to: target)
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { board.join($0) }
      .childChannelOption(.autoRead, value: false)
      // One piece for each `read`: they are passed on one after the other, whatever becomes of each.
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .bind(host: "127.0.0.1", port: 0).get()
    board.listener.withLock { $0 = channel }
    return board
  }

  var port: Int { listener.withLock { $0?.localAddress?.port ?? 0 } }

  /// New connections go there; the old ones are cut.
  func connect(to target: Int) {
    disconnect()
    state.withLock { $0.target = target }
  }

  /// Every connection is cut, and new ones are refused.
  func disconnect() {
    let channels = state.withLock { state in
      state.target = nil
      return state.channels.values.map { $0 }
    }
    for channel in channels { channel.close(promise: nil) }
  }

  func stop() async {
    disconnect()
    try? await listener.withLock { $0 }?.close()
  }

  private func join(_ client: any Channel) -> EventLoopFuture<Void> {
    guard let target = state.withLock({ $0.target }) else { return client.close() }
    return ClientBootstrap(group: client.eventLoop).channelOption(.autoRead, value: false)
      .channelOption(.maxMessagesPerRead, value: 1)
      .connect(host: "127.0.0.1", port: target)
      .flatMap { server in
        self.track(client)
        self.track(server)
        return client.pipeline.addHandler(Line(to: server)).and(server.pipeline.addHandler(Line(to: client))).map { _ in
          server.read()
        }
      }
  }

  private func track(_ channel: any Channel) {
    let id = ObjectIdentifier(channel)
    state.withLock { $0.channels[id] = channel }
    channel.closeFuture.whenComplete { _ in self.state.withLock { _ = $0.channels.removeValue(forKey: id) } }
  }
}

/// One direction of a connection.
private final class Line: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer

  private let other: any Channel

  init(to other: any Channel) { self.other = other }

  func channelActive(context: ChannelHandlerContext) { context.read() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let channel = context.channel
    other.writeAndFlush(unwrapInboundIn(data)).whenComplete { _ in channel.read() }
  }

  func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
