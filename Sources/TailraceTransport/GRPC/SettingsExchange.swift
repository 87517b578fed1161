internal import NIOCore

/// Stands in front of `NIOHTTP2Handler`, and has the first exchange of SETTINGS in its stead.
///
/// A client may open any number of streams before it has read how many it may have. Those past the limit are to be refused
/// one by one, and so are those that a client opens later by mistake (RFC 9113, 5.1.2). `NIOHTTP2Handler` takes 100 until
/// the client has acknowledged its SETTINGS, and ends a connection with more than it takes. So its own limit is one that
/// no peer comes to, and counts from the client's SETTINGS on: an acknowledgement is put behind those, and the client's
/// own is left out. The peer is told the true limit, which the handler behind keeps.
///
/// All that this knows of HTTP/2 is where frames begin; when the exchange is over it only passes bytes on. Isolation: the
/// channel's event loop.
final class SettingsExchange: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  /// What comes next from the peer.
  private enum Stage {
    case preface
    case settings
    case acknowledgement
    /// Nothing that is of interest here.
    case rest
  }

  /// The length of "PRI * HTTP/2.0" and so on, with which a client begins.
  static let prefaceBytes = 24

  private let maxStreams: UInt32
  private var hasWritten = false
  private var stage = Stage.preface
  /// Bytes until the next frame begins.
  private var bytesToPass = SettingsExchange.prefaceBytes
  /// The beginning of a frame's head.
  private var partialHead = ByteBuffer()

  /// - Parameter maxStreams: Which the peer is told that it may have at a time. It takes the place of the value in the
  ///   first entry of the SETTINGS that `NIOHTTP2Handler` writes.
  init(maxStreams: Int) { self.maxStreams = UInt32(clamping: maxStreams) }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    // What is written first are the SETTINGS.
    guard !hasWritten, case .byteBuffer(var bytes) = unwrapOutboundIn(data) else {
      return context.write(data, promise: promise)
    }
    hasWritten = true
    // A frame's head, and the entry: 2 bytes that say which setting it is, and 4 of its value.
    bytes.setInteger(maxStreams, at: bytes.readerIndex + FrameHead.byteCount + 2)
    context.write(wrapOutboundOut(.byteBuffer(bytes)), promise: promise)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard stage != .rest else { return context.fireChannelRead(data) }
    var bytes = unwrapInboundIn(data)
    if partialHead.readableBytes > 0 {
      partialHead.writeBuffer(&bytes)
      bytes = partialHead
      partialHead = ByteBuffer()
    }
    // What lies before this is to be passed on.
    var end = bytes.readerIndex
    while true {
      let passed = min(bytesToPass, bytes.writerIndex - end)
      end += passed
      bytesToPass -= passed
      guard bytesToPass == 0, advance(&bytes, &end, context) else { break }
    }
    pass(&bytes, upTo: end, context)
    if bytes.readableBytes > 0 { partialHead.writeBuffer(&bytes) }
  }

  /// Looks at what begins at `end`. False where that is not all there, or of no interest.
  private func advance(_ bytes: inout ByteBuffer, _ end: inout Int, _ context: ChannelHandlerContext) -> Bool {
    if stage == .settings {
      pass(&bytes, upTo: end, context)
      context.fireChannelRead(wrapInboundOut(FrameHead.acknowledgement))
      stage = .acknowledgement
    }
    guard let head = FrameHead(bytes, at: end) else { return false }
    switch stage {
    case .preface where head.isSettings:
      stage = .settings
    case .acknowledgement where !head.isAcknowledgement:
      break
    case .acknowledgement:
      pass(&bytes, upTo: end, context)
      bytes.moveReaderIndex(forwardBy: FrameHead.byteCount)
      fallthrough
    default:
      stage = .rest
      end = bytes.writerIndex
      return false
    }
    bytesToPass = FrameHead.byteCount + head.payloadBytes
    return true
  }

  private func pass(_ bytes: inout ByteBuffer, upTo end: Int, _ context: ChannelHandlerContext) {
    guard let passed = bytes.readSlice(length: end - bytes.readerIndex), passed.readableBytes > 0 else { return }
    context.fireChannelRead(wrapInboundOut(passed))
  }
}

/// Of HTTP/2's frames (RFC 9113, 4.1): length of 3 bytes, type, flags, stream of 4.
private struct FrameHead {
  static let byteCount = 9

  /// The one of stream 0, and without a payload.
  static var acknowledgement: ByteBuffer { ByteBuffer(bytes: [0, 0, 0, 4, 1, 0, 0, 0, 0]) }

  let payloadBytes: Int
  private let type: UInt8
  private let flags: UInt8

  /// nil where `bytes` ends before it does.
  init?(_ bytes: ByteBuffer, at index: Int) {
    guard let word = bytes.getInteger(at: index, as: UInt64.self), bytes.writerIndex - index >= Self.byteCount else {
      return nil
    }
    payloadBytes = Int(word >> 40)
    type = UInt8(truncatingIfNeeded: word >> 32)
    flags = UInt8(truncatingIfNeeded: word >> 24)
  }

  var isSettings: Bool { type == 4 && flags & 1 == 0 }
  var isAcknowledgement: Bool { type == 4 && flags & 1 == 1 && payloadBytes == 0 }
}
