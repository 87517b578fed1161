#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import TailraceWire

/// Sets up what is accepted.
struct Acceptor: Sendable {
  let environment: ConnectionEnvironment
  let registry: ConnectionRegistry
  let turns: LoopTurns
  let pairing: LoopPairing

  func bootstrap(_ group: any EventLoopGroup) -> ServerBootstrap {
    let keepalive = SocketKeepalive(environment.limits)
    return ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: keepalive.idleSeconds)
      .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: keepalive.probeSeconds)
      .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: keepalive.probeCount)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      // Reading is asked for, read by read: that is the back-pressure.
      .childChannelOption(.autoRead, value: false)
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelOption(
        .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 8192, maximum: 256 << 10)
      )
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try self.setUp(channel) }
      }
  }

  /// Event loop of `channel` only.
  private func setUp(_ channel: any Channel) throws {
    switch registry.admit(channel) {
    case .admitted:
      pairing.note(channel)
      turns.turn(of: channel.eventLoop).watch(channel)
      try channel.pipeline.syncOperations.addHandler(sniffer(channel))
    case .full:
      let error = RPCError(
        .resourceExhausted, "the server has as many connections as it may have; try again later", error: .limitReached)
      try channel.pipeline.syncOperations.addHandler(RefusingHandler(error, limits: environment.limits))
      environment.logger.info(
        "connection refused",
        metadata: [LogKey.peer: "\(peerName(channel.remoteAddress))", LogKey.error: "\(error)"])
    case .overrun:
      environment.logger.debug(
        "connection closed: too many, and too many of those are being told so",
        metadata: [LogKey.peer: "\(peerName(channel.remoteAddress))"])
      channel.close(promise: nil)
    case .stopping:
      channel.close(promise: nil)
    }
  }

  private func sniffer(_ channel: any Channel) -> SniffingHandler {
    SniffingHandler(limits: environment.limits, logger: environment.logger) { door in
      switch door {
      case .native:
        let handler = NativeConnectionHandler(
          eventLoop: channel.eventLoop, environment: environment, turn: turns.turn(of: channel.eventLoop))
        note(handler, channel)
        return [handler]
      case .grpc:
        let (handlers, connection) = GRPCDoor.handlers(
          eventLoop: channel.eventLoop, environment: environment, turn: turns.turn(of: channel.eventLoop))
        note(connection, channel)
        return handlers
      }
    }
  }

  private func note(_ connection: any ServedConnection, _ channel: any Channel) {
    if registry.attach(connection, to: channel) {
      connection.eventLoop.execute { connection.startDraining() }
    }
  }
}

/// Answers a connection that is one too many: the server's preface, one frame, and the end.
///
/// It takes a descriptor until the peer has closed too, and `lingerTimeout` at most, whether the peer reads the answer or
/// not. The registry bounds how many of these there are.
final class RefusingHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let error: RPCError
  private let limits: ConnectionLimits
  private var isStarted = false

  init(_ error: RPCError, limits: ConnectionLimits) {
    self.error = error
    self.limits = limits
  }

  func channelActive(context: ChannelHandlerContext) {
    if isStarted { return }
    isStarted = true
    var bytes = ByteBuffer()
    ServerPreface(answering: ClientPreface()).write(to: &bytes)
    FrameEncoder(limits: limits.frame).writeFailure(0, error, to: &bytes)
    endConnection(context, saying: bytes, linger: limits.lingerTimeout)
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

  func channelReadComplete(context: ChannelHandlerContext) {
    context.read()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(.inputClosed) = event as? ChannelEvent { context.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
