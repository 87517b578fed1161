import NIOCore
import NIOPosix

/// Answers whatever a connection says with the same bytes, or none, and closes its side where it is to.
final class FakeServer: Sendable {
  let address: String
  private let channel: any Channel

  init(saying bytes: [UInt8], closes: Bool = true) async throws {
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Handler(bytes, closes: closes))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    address = "127.0.0.1:\(channel.localAddress?.port ?? 0)"
  }

  func stop() async throws { try await channel.close() }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let bytes: [UInt8]
    private let closes: Bool

    init(_ bytes: [UInt8], closes: Bool) { (self.bytes, self.closes) = (bytes, closes) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
      if closes { context.close(mode: .output, promise: nil) }
    }
  }
}
