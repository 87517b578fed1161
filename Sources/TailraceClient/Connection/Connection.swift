package import NIOCore
internal import NIOPosix
internal import Synchronization
package import TailraceWire

/// One connection to a broker, shared by any number of calls at a time. Thread-safe.
///
/// Calls are pipelined, and answered in any order. When the connection is lost all of them fail with UNAVAILABLE, and
/// so does every later one: a connection is not made anew, its owner makes another.
package final class Connection: RPCCaller {
  /// "127.0.0.1:7171".
  package let server: String

  private let channel: any Channel
  private let handler: ClientConnectionHandler
  private let lastCallID = Atomic<UInt64>(0)

  private init(server: String, channel: any Channel, handler: ClientConnectionHandler) {
    self.server = server
    self.channel = channel
    self.handler = handler
  }

  /// Connects, and returns once the server has said that it speaks our version. Fails with UNAVAILABLE where there is
  /// nobody, UNIMPLEMENTED where the versions do not fit, and with what the server says where it refuses; and where the
  /// task is cancelled. `onEvent` is called on the connection's event loop.
  package static func connect(
    host: String,
    port: Int,
    eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    configuration: ConnectionConfiguration = .default,
    onEvent: @escaping @Sendable (ConnectionEvent) -> Void = { _ in }
  ) async throws(RPCError) -> Connection {
    let server = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    guard port > 0, port <= 65_535 else {
      throw RPCError(.invalidArgument, "cannot connect to \(server): a port is a number from 1 to 65535")
    }
    let loop = eventLoopGroup.next()
    let handlers = ChannelHandlers()
    let bootstrap = ClientBootstrap(group: loop)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(
        .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 8192, maximum: 1 << 20)
      )
      .connectTimeout(configuration.connectTimeout)
      .channelInitializer { channel in
        // One for each channel: a name may have several addresses, which are tried side by side.
        channel.eventLoop.makeCompletedFuture {
          let handler = ClientConnectionHandler(
            eventLoop: loop, configuration: configuration, server: server, onEvent: onEvent)
          handlers.add(handler, of: channel)
          try channel.pipeline.syncOperations.addHandler(handler)
        }
      }
    do {
      return try await withTaskCancellationHandler {
        let channel = try await bootstrap.connect(host: host, port: port).get()
        do {
          guard let handler = handlers.handler(of: channel) else { throw ChannelError.inappropriateOperationForState }
          try await handler.isReady.get()
          return Connection(server: server, channel: channel, handler: handler)
        } catch {
          channel.close(promise: nil)
          throw error
        }
      } onCancel: {
        handlers.cancel()
      }
    } catch {
      throw ConnectError.failure(error, server: server)
    }
  }

  /// Makes a call and returns a number to cancel it by; `completion` is called once, on the connection's event loop,
  /// and must not block. `payload` is sent behind `request`, as the end of the message. Never suspends: for producers that pipeline, and benchmarks.
  @discardableResult
  package func send(
    _ method: RPCMethod, _ request: ByteBuffer, payload: ByteBuffer? = nil, _ options: CallOptions = CallOptions(),
    completion: @escaping @Sendable (Result<ByteBuffer, RPCError>) -> Void
  ) -> UInt64 {
    let id = lastCallID.wrappingAdd(1, ordering: .relaxed).newValue
    handler.submit(
      .call(
        OutboundCall(
          id: id, method: method, message: request, payload: payload, options: options, madeAt: channel.eventLoop.now,
          completion: completion)))
    return id
  }

  /// Gives up a call made with `send`: it fails with CANCELLED, unless its answer is here already.
  package func cancel(_ call: UInt64) {
    handler.submit(.cancel(call))
  }

  /// Makes a call. Cancelling the task cancels the call, at the server too.
  package func call(
    _ method: RPCMethod, _ request: ByteBuffer, _ options: CallOptions
  ) async throws(RPCError) -> ByteBuffer {
    let id = lastCallID.wrappingAdd(1, ordering: .relaxed).newValue
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Result<ByteBuffer, RPCError>, Never>) in
        handler.submit(
          .call(
            OutboundCall(
              id: id, method: method, message: request, payload: nil, options: options, madeAt: channel.eventLoop.now,
              completion: { continuation.resume(returning: $0) })))
        // Cancelled before there was a call to cancel: `onCancel` came too early.
        if Task.isCancelled { handler.submit(.cancel(id)) }
      }
    } onCancel: {
      handler.submit(.cancel(id))
    }
    return try result.get()
  }

  /// Bytes of a stream's messages that are taken before any of them is consumed.
  private static let streamWindowBytes: UInt64 = 4 << 20

  private enum StreamEvent: Sendable {
    case message(ByteBuffer)
    case end(Result<ByteBuffer, RPCError>)
  }

  /// Makes a call that is answered with a stream. The server sends no more than this side has room for, whatever time
  /// `onResponse` takes.
  package func stream(
    _ method: RPCMethod, _ request: ByteBuffer, _ options: CallOptions,
    onResponse: @Sendable (ByteBuffer) async throws(RPCError) -> Void
  ) async throws(RPCError) {
    let id = lastCallID.wrappingAdd(1, ordering: .relaxed).newValue
    let (events, feed) = AsyncStream<StreamEvent>.makeStream()
    handler.submit(
      .call(
        OutboundCall(
          id: id, method: method, message: request, payload: nil, options: options, madeAt: channel.eventLoop.now,
          completion: {
            feed.yield(.end($0))
            feed.finish()
          },
          onMessage: { feed.yield(.message($0)) }, credit: Self.streamWindowBytes)))
    do throws(RPCError) {
      for await event in events {
        switch event {
        case .message(let bytes):
          try await onResponse(bytes)
          handler.submit(.grant(id, bytes: UInt64(bytes.readableBytes)))
        case .end(let result):
          _ = try result.get()
          return
        }
      }
    } catch {
      handler.submit(.cancel(id))
      throw error
    }
    // No end came: the task is cancelled.
    handler.submit(.cancel(id))
    throw RPCError(.cancelled, "the call was cancelled")
  }

  /// Whether calls may still succeed.
  package var isOpen: Bool { channel.isActive }

  /// Closes once the calls under way are answered; none should be made any more.
  package func retire() { handler.submit(.retire) }

  /// Where its completions are called.
  package var eventLoop: any EventLoop { channel.eventLoop }

  /// Closes; calls under way fail with UNAVAILABLE. Returns when the socket is closed.
  package func close() async {
    let server = server
    channel.eventLoop.execute { [handler] in
      handler.fail(RPCError(.unavailable, "the connection to \(server) was closed by this client"))
    }
    try? await channel.closeFuture.get()
  }
}

/// What an owner of a connection wants to know.
package enum ConnectionEvent: Sendable {
  /// The server is about to stop, or wants the connection elsewhere: make new calls over another one.
  case reconnectAdvised
  /// The connection is over, and every call with it. The last event. Does not come where it was never ready.
  case closed(RPCError)
}

/// The handlers of the channels of one attempt to connect: a channel may be closed, and its pipeline empty, before anybody
/// has asked for its handler. Thread-safe.
private final class ChannelHandlers: Sendable {
  private struct State {
    var handlers: [ObjectIdentifier: (handler: ClientConnectionHandler, channel: any Channel)] = [:]
    var isCancelled = false
  }

  private let state = Mutex(State())

  func add(_ handler: ClientConnectionHandler, of channel: any Channel) {
    let isCancelled = state.withLock { state in
      state.handlers[ObjectIdentifier(channel)] = (handler, channel)
      return state.isCancelled
    }
    if isCancelled { channel.close(promise: nil) }
  }

  func handler(of channel: any Channel) -> ClientConnectionHandler? {
    state.withLock { $0.handlers[ObjectIdentifier(channel)]?.handler }
  }

  /// Closes all channels, and those that come later.
  func cancel() {
    let channels = state.withLock { state in
      state.isCancelled = true
      return state.handlers.values.map(\.channel)
    }
    for channel in channels { channel.close(promise: nil) }
  }
}
