internal import Logging
internal import NIOCore
internal import TailraceWire

/// The first handler of every connection: finds out what the peer speaks, and gives its place to the handler for that.
///
/// A peer that this release has no door for is told so in a way that it understands, and then the connection is closed:
///
/// | first bytes | what the peer gets |
/// |---|---|
/// | `TRPC` | the native door; for a major version that is not spoken, the server's preface and an UNIMPLEMENTED frame |
/// | `PRI ` (HTTP/2, so gRPC) | the gRPC door, once all 24 bytes of the preface are there |
/// | `16 03` (TLS) | a fatal alert, handshake_failure |
/// | a method of HTTP/1.1 | a 404 with a hint |
/// | anything else | a native INVALID_ARGUMENT frame |
/// | fewer than four bytes, or half a preface | nothing, after `prefaceTimeout` |
///
/// Why is in the log: at debug level, since a scan of ports would fill it otherwise; at info level where the peer does
/// speak the native protocol, but in a way that is not understood.
///
/// Isolation: the channel's event loop. `makeHandlers` is called there too.
final class SniffingHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum Phase {
    case collecting
    case handedOver
    /// Has said its last; discards what comes until the peer closes too, or the linger time-out.
    case ending
  }

  private let limits: ConnectionLimits
  private let logger: Logger
  private let makeHandlers: (Door) -> [any ChannelHandler]
  private var phase = Phase.collecting
  private var received = ByteBuffer()
  private var timer: Scheduled<Void>?

  /// - Parameter makeHandlers: What serves a connection that has come through a door.
  init(limits: ConnectionLimits, logger: Logger, makeHandlers: @escaping (Door) -> [any ChannelHandler]) {
    self.limits = limits
    self.logger = logger
    self.makeHandlers = makeHandlers
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { start(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    start(context)
    context.fireChannelActive()
  }

  private func start(_ context: ChannelHandlerContext) {
    guard timer == nil, phase == .collecting else { return }
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: limits.prefaceTimeout) { [logger] in
      let peer = peerName(bound.value.channel.remoteAddress)
      logger.info("connection closed: no preface came in time", metadata: [LogKey.peer: "\(peer)"])
      bound.value.close(promise: nil)
    }
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard phase == .collecting else { return }
    var bytes = unwrapInboundIn(data)
    received.writeBuffer(&bytes)
    decide(context)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if phase != .handedOver { context.read() }
    context.fireChannelReadComplete()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if phase != .handedOver, case .some(.inputClosed) = event as? ChannelEvent { context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    stopTimer()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    stopTimer()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func stopTimer() {
    timer?.cancel()
    timer = nil
  }

  private func decide(_ context: ChannelHandlerContext) {
    guard let spoken = WireProtocol(received) else { return }
    switch spoken {
    case .native:
      startNative(context)
    case .http2:
      // The rest of the preface has to come in time too.
      if received.readableBytes >= SettingsExchange.prefaceBytes { handOver(context, .grpc) }
    case .tls:
      refuse(context, ForeignAnswer.handshakeFailure, "TLS is not part of this release", level: .debug)
    case .http1:
      refuse(context, ForeignAnswer.notFound, "HTTP/1.1 is not part of this release", level: .debug)
    case .unknown:
      let error = RPCError(
        .invalidArgument, "this port speaks the Tailrace protocol: a connection begins with the bytes 'TRPC'",
        error: .invalidRequest)
      refuse(context, failureFrame(error), "the first bytes are of no protocol that is known here", level: .debug)
    }
  }

  private func startNative(_ context: ChannelHandlerContext) {
    do throws(FrameError) {
      guard let client = try ClientPreface(reading: &received) else { return }
      let answer = ServerPreface(answering: client)
      var bytes = ByteBuffer()
      answer.write(to: &bytes)
      if answer.majorVersion == 0 {
        let error = RPCError(
          .unimplemented, "protocol version \(client.majorVersion) is not spoken here: \(Preface.majorVersion) is")
        bytes.writeImmutableBuffer(failureFrame(error))
        refuse(context, bytes, "\(error)")
        return
      }
      context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
      handOver(context, .native)
    } catch {
      let failure = RPCError(error)
      refuse(context, failureFrame(failure), "\(failure)")
    }
  }

  private func handOver(_ context: ChannelHandlerContext, _ door: Door) {
    stopTimer()
    phase = .handedOver
    let pipeline = context.pipeline.syncOperations
    do {
      // One by one, from the front: each may write as soon as it is there.
      var last: any ChannelHandler = self
      for handler in makeHandlers(door) {
        try pipeline.addHandler(handler, position: .after(last))
        last = handler
      }
    } catch {
      context.close(promise: nil)
      return
    }
    let rest = received
    received = ByteBuffer()
    if rest.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(rest)) }
    // The end of this read reaches the new handler from the pipeline's head.
    pipeline.removeHandler(context: context, promise: nil)
  }

  /// Writes `answer` and closes: our side first, so that no reset overtakes the answer.
  private func refuse(
    _ context: ChannelHandlerContext, _ answer: ByteBuffer, _ reason: String, level: Logger.Level = .info
  ) {
    logger.log(
      level: level, "connection refused",
      metadata: [LogKey.peer: "\(peerName(context.channel.remoteAddress))", LogKey.error: "\(reason)"])
    stopTimer()
    phase = .ending
    received = ByteBuffer()
    endConnection(context, saying: answer, linger: limits.lingerTimeout)
  }

  private func failureFrame(_ error: RPCError) -> ByteBuffer {
    var bytes = ByteBuffer()
    FrameEncoder(limits: limits.frame).writeFailure(0, error, to: &bytes)
    return bytes
  }
}

extension SniffingHandler: RemovableChannelHandler {
  typealias InboundOut = ByteBuffer
}

/// Writes `bytes`, closes the output, and the rest after `linger`. The handler goes on reading until then, to discard.
func endConnection(_ context: ChannelHandlerContext, saying bytes: ByteBuffer, linger: TimeAmount) {
  let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
  let written = context.eventLoop.makePromise(of: Void.self)
  written.futureResult.whenComplete { _ in bound.value.close(mode: .output, promise: nil) }
  let timer = context.eventLoop.scheduleTask(in: linger) { bound.value.close(promise: nil) }
  context.channel.closeFuture.whenComplete { _ in timer.cancel() }
  context.writeAndFlush(NIOAny(bytes), promise: written)
}
