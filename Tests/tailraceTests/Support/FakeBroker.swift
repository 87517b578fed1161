import NIOCore
import NIOPosix
import Synchronization
import TailraceWire

/// A server that answers every call alike, and remembers the headers of requests: for what no broker of this release does.
final class FakeBroker: Sendable {
  let address: String
  private let channel: any Channel
  private let seen: Headers

  /// What the tool has sent so far.
  var headers: [RequestHeader] { seen.all.withLock { $0 } }

  /// `metadata`: of every answer.
  init(metadata: [Metadata]) async throws {
    let seen = Headers()
    self.seen = seen
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Handler(metadata: metadata, seen: seen))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    address = "127.0.0.1:\(channel.localAddress?.port ?? 0)"
  }

  func stop() async throws { try await channel.close() }

  private final class Headers: Sendable {
    let all = Mutex<[RequestHeader]>([])
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let metadata: [Metadata]
    private let seen: Headers
    private var input = ByteBuffer()
    private var decoder: FrameDecoder?
    private let encoder = FrameEncoder()
    private let arena = Arena(initialBytes: 1_024, limitBytes: 1 << 20)

    init(metadata: [Metadata], seen: Headers) {
      (self.metadata, self.seen) = (metadata, seen)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      var bytes = unwrapInboundIn(data)
      do {
        var output = ByteBuffer()
        if decoder == nil {
          input.writeBuffer(&bytes)
          guard let preface = try ClientPreface(reading: &input) else { return }
          ServerPreface(answering: preface).write(to: &output)
          bytes = input
          decoder = FrameDecoder()
        }
        decoder?.receive(bytes)
        while let frame = try decoder?.next() {
          let header = try RequestHeader(
            decoding: frame.header, arena: arena, limits: DecodeLimits(maxBytes: 16 << 10))
          seen.all.withLock { $0.append(header) }
          let answer = ResponseHeader(callID: header.callID, endOfStream: true, metadata: metadata)
          try encoder.writeResponse(answer, message: ByteBuffer(), to: &output)
        }
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
      } catch {
        context.close(promise: nil)
      }
    }
  }
}
