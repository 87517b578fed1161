import NIOCore
import NIOHTTP2
import NIOPosix
import Synchronization
import TailraceClient
import TailraceWire

/// A connection to a gRPC server: HTTP/2 without TLS, known beforehand. Thread-safe.
///
/// When it is lost its calls fail with UNAVAILABLE, and so does every later one.
final class GRPCConnection: CallTransport {
  let server: String
  private let channel: any Channel
  private let handler: GRPCClientHandler

  private init(server: String, channel: any Channel, handler: GRPCClientHandler) {
    (self.server, self.channel, self.handler) = (server, channel, handler)
  }

  /// Connects, and returns once the server has said that it speaks HTTP/2. Fails with UNAVAILABLE where there is nobody,
  /// or nobody that does.
  static func connect(
    to address: ServerAddress, eventLoopGroup: any EventLoopGroup, compressesRequests: Bool = false
  ) async throws(RPCError) -> GRPCConnection {
    let server = "\(address)"
    let loop = eventLoopGroup.next()
    let bootstrap = ClientBootstrap(group: loop)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .connectTimeout(ConnectionConfiguration.default.connectTimeout)
    do {
      let (channel, handler) = try await bootstrap.connect(host: address.host, port: address.port) { channel in
        channel.eventLoop.makeCompletedFuture {
          let handler = GRPCClientHandler(eventLoop: loop, server: server, compressesRequests: compressesRequests)
          try channel.pipeline.syncOperations.addHandlers(handler.pipeline)
          return (channel, handler)
        }
      }
      do {
        try await handler.isReady.get()
        return GRPCConnection(server: server, channel: channel, handler: handler)
      } catch {
        channel.close(promise: nil)
        throw error
      }
    } catch {
      throw ConnectError.failure(error, server: server)
    }
  }

  /// Makes a call that is answered with one message. Cancelling the task cancels the call, at the server too.
  func call(
    _ method: RPCMethod, _ request: ByteBuffer, _ options: CallOptions
  ) async throws(RPCError) -> ByteBuffer {
    let answer = Mutex<ByteBuffer?>(nil)
    try await stream(method, request, options) { message throws(RPCError) in
      let isFirst = answer.withLock { answer in
        defer { answer = message }
        return answer == nil
      }
      guard isFirst else { throw RPCError(.internalError, "the call has one answer, and \(self.server) gives more") }
    }
    guard let answer = answer.withLock({ $0 }) else {
      throw RPCError(.internalError, "\(server) says that the call went well, and gives no answer")
    }
    return answer
  }

  /// Makes a call that is answered with a stream. The server sends no more than this side has room for, whatever time
  /// `onResponse` takes. Cancelling the task cancels the call, at the server too.
  func stream(
    _ method: RPCMethod, _ request: ByteBuffer, _ options: CallOptions,
    onResponse: @Sendable (ByteBuffer) async throws(RPCError) -> Void
  ) async throws(RPCError) {
    let (events, feed) = AsyncStream<GRPCClientCall.Event>.makeStream()
    let call = GRPCClientCall(method, request, options, madeAt: channel.eventLoop.now) { event in
      feed.yield(event)
      if case .end = event { feed.finish() }
    }
    channel.eventLoop.execute { [handler] in handler.start(call) }
    do throws(RPCError) {
      for await event in events {
        switch event {
        case .message(let bytes):
          try await onResponse(bytes)
          channel.eventLoop.execute { [handler] in handler.consumed(bytes.readableBytes, of: call) }
        case .end(let failure):
          if let failure { throw failure }
          return
        }
      }
    } catch {
      await cancel(call)
      throw error
    }
    // No end came: the task is cancelled.
    await cancel(call)
    throw RPCError(.cancelled, "the call was cancelled")
  }

  /// Returns once the server was told, unless the call is over.
  private func cancel(_ call: GRPCClientCall) async {
    try? await channel.eventLoop.submit { [handler] in handler.cancel(call) }.get()
  }
}
