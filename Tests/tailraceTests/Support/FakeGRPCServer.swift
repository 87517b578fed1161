import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import Synchronization

/// A server of HTTP/2 that does as a test says with each call: what no broker does, and what it is told.
final class FakeGRPCServer: Sendable {
  /// A call as it came: its headers, and the bytes of its DATA frames.
  struct Request: Sendable {
    let headers: HPACKHeaders
    let body: ByteBuffer
  }

  /// What the server does once a request is whole.
  enum Step: Sendable {
    case headers(HPACKHeaders, end: Bool = false)
    case data(ByteBuffer, end: Bool = false)
    case reset(HTTP2ErrorCode)
    case goAway(HTTP2ErrorCode, String)
    case close

    /// The headers that an answer begins with, and more.
    static func head(_ more: HPACKHeaders = [:]) -> Step {
      var headers: HPACKHeaders = [":status": "200", "content-type": "application/grpc"]
      headers.add(contentsOf: more)
      return .headers(headers)
    }

    /// Trailers.
    static func end(_ trailers: HPACKHeaders = ["grpc-status": "0"]) -> Step { .headers(trailers, end: true) }

    /// A message as gRPC frames it.
    static func message(_ bytes: [UInt8], flag: UInt8 = 0, length: UInt32? = nil) -> Step {
      var framed = ByteBuffer()
      framed.writeMultipleIntegers(flag, length ?? UInt32(bytes.count))
      framed.writeBytes(bytes)
      return .data(framed)
    }
  }

  let address: String
  /// How clients end calls before their answers do, as it comes.
  let resets: AsyncStream<HTTP2ErrorCode>
  private let channel: any Channel
  private let seen: Seen

  /// What came so far.
  var requests: [Request] { seen.requests.withLock { $0 } }

  init(_ answer: @escaping @Sendable (Request) -> [Step]) async throws {
    let (resets, feed) = AsyncStream<HTTP2ErrorCode>.makeStream()
    let seen = Seen(resets: feed)
    (self.seen, self.resets) = (seen, resets)
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let http2 = NIOHTTP2Handler(
            mode: .server, connectionConfiguration: NIOHTTP2Handler.ConnectionConfiguration(),
            streamConfiguration: NIOHTTP2Handler.StreamConfiguration())
          try channel.pipeline.syncOperations.addHandlers([http2, Handler(seen, answer)])
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    address = "127.0.0.1:\(channel.localAddress?.port ?? 0)"
  }

  func stop() async throws { try await channel.close() }

  private final class Seen: Sendable {
    let requests = Mutex<[Request]>([])
    let resets: AsyncStream<HTTP2ErrorCode>.Continuation

    init(resets: AsyncStream<HTTP2ErrorCode>.Continuation) { self.resets = resets }
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let seen: Seen
    private let answer: @Sendable (Request) -> [Step]
    private var open: [HTTP2StreamID: (headers: HPACKHeaders, body: ByteBuffer)] = [:]

    init(_ seen: Seen, _ answer: @escaping @Sendable (Request) -> [Step]) {
      (self.seen, self.answer) = (seen, answer)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let frame = unwrapInboundIn(data)
      switch frame.payload {
      case .headers(let headers): open[frame.streamID] = (headers.headers, ByteBuffer())
      case .data(let data):
        if case .byteBuffer(let bytes) = data.data { open[frame.streamID]?.body.writeImmutableBuffer(bytes) }
        if data.endStream { finish(frame.streamID, context) }
      case .rstStream(let code): seen.resets.yield(code)
      default: break
      }
    }

    private func finish(_ id: HTTP2StreamID, _ context: ChannelHandlerContext) {
      guard let (headers, body) = open.removeValue(forKey: id) else { return }
      let request = Request(headers: headers, body: body)
      seen.requests.withLock { $0.append(request) }
      for step in answer(request) {
        switch step {
        case .headers(let headers, let end): write(id, .headers(.init(headers: headers, endStream: end)), context)
        case .data(let bytes, let end):
          write(id, .data(.init(data: .byteBuffer(bytes), endStream: end)), context)
        case .reset(let code): write(id, .rstStream(code), context)
        case .goAway(let code, let text):
          let payload = HTTP2Frame.FramePayload.goAway(
            lastStreamID: .rootStream, errorCode: code, opaqueData: ByteBuffer(string: text))
          write(.rootStream, payload, context)
        case .close:
          context.flush()
          context.close(promise: nil)
        }
      }
      context.flush()
    }

    private func write(_ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload, _ context: ChannelHandlerContext) {
      context.write(wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: nil)
    }
  }
}
