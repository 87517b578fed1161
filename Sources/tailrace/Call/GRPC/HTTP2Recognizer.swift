import NIOCore

/// The first handler of a connection to a server that is to speak HTTP/2: looks at its first bytes, so that whoever
/// speaks something else is told of by name. Isolation: the channel's event loop.
final class HTTP2Recognizer: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// What a server speaks, as far as its first bytes tell.
  enum Judgement: Equatable {
    case http2
    case other(String)
    /// More bytes have to come.
    case open
  }

  private static let frameHeaderBytes = 9

  private let onOther: (String) -> Void
  private var received = ByteBuffer()
  private var judgement = Judgement.open

  /// `onOther`: called once with what the server speaks in place of HTTP/2; nothing that it sent goes further.
  init(onOther: @escaping (String) -> Void) { self.onOther = onOther }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch judgement {
    case .http2: return context.fireChannelRead(data)
    case .other: return
    case .open: break
    }
    received.writeImmutableBuffer(unwrapInboundIn(data))
    judgement = Self.judge(received)
    switch judgement {
    case .http2:
      let bytes = received
      received = ByteBuffer()
      context.fireChannelRead(wrapInboundOut(bytes))
    case .other(let what): onOther(what)
    case .open: break
    }
  }

  /// HTTP/2 begins with a SETTINGS frame: u24 length, u8 type (4), u8 flags, u32 stream (0).
  static func judge(_ bytes: ByteBuffer) -> Judgement {
    let view = bytes.readableBytesView
    if view.starts(with: "HTTP".utf8) { return .other("HTTP/1") }
    if view.starts(with: [21, 3]) { return .other("TLS") }
    guard view.count >= frameHeaderBytes else { return .open }
    let header = Array(view.prefix(frameHeaderBytes))
    return header[3] == 4 && header[5...].allSatisfy { $0 == 0 } ? .http2 : .other("another protocol")
  }
}
