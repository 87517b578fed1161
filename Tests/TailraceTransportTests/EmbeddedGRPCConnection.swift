import Logging
import NIOCore
import NIOEmbedded
import NIOHPACK
@testable import TailraceTransport
import TailraceWire

/// The gRPC door's handlers in a pipeline without a socket, and a client that sends the frames that it is told to.
final class EmbeddedGRPCConnection {
  /// A frame that came from the door.
  struct Frame: Equatable {
    enum Kind: UInt8 {
      case data, headers, priority, reset, settings, pushPromise, ping, goAway, windowUpdate
    }

    let kind: Kind?
    let flags: UInt8
    let stream: UInt32
    let payload: ByteBuffer

    /// Whether it ends its stream.
    var isLast: Bool { kind == .reset || (kind == .data || kind == .headers) && flags & 1 == 1 }
  }

  static let preface = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
  static let settings = frame(.settings)
  static let settingsAcknowledgement = frame(.settings, flags: 1)

  let channel: EmbeddedChannel
  private var unread = ByteBuffer()
  private var encoder = HPACKEncoder(allocator: ByteBufferAllocator())

  /// - Parameters:
  ///   - loop: Connections of one loop share it, and its turn.
  ///   - turn: That of `loop`, with the same dispatcher; nil for one of its own.
  init(
    _ dispatcher: any RequestDispatcher = FakeDispatcher.standard(), limits: ConnectionLimits = .default,
    loop: EmbeddedEventLoop = EmbeddedEventLoop(), turn: LoopTurn? = nil
  ) throws {
    channel = EmbeddedChannel(loop: loop)
    let handlers = GRPCDoor.handlers(
      eventLoop: loop,
      environment: ConnectionEnvironment(
        dispatcher: dispatcher, limits: limits, budget: MemoryBudget(limitBytes: 512 << 20),
        logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })),
      turn: turn ?? LoopTurn(eventLoop: loop, dispatcher: dispatcher))
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 9)).wait()
    for handler in handlers.all { try channel.pipeline.syncOperations.addHandler(handler) }
  }

  deinit { _ = try? channel.finish(acceptAlreadyClosed: true) }

  /// Begins as clients do.
  ///
  /// - Parameter windows: How much it takes unasked, on each stream and on all together; nil: what HTTP/2 begins with.
  func open(withWindows windows: Int32? = nil) throws {
    try send(Self.preface, Self.settings, Self.settingsAcknowledgement)
    if let windows {
      var setting = ByteBuffer()
      setting.writeMultipleIntegers(UInt16(4), windows)
      let increment = ByteBuffer(integer: windows - 65_535)
      try send(Self.frame(.settings, setting), Self.frame(.windowUpdate, increment))
    }
    _ = try received()
  }

  func send(_ bytes: ByteBuffer...) throws {
    try receive(joined(bytes))
    channel.embeddedEventLoop.run()
  }

  /// As `send`, but before the loop runs: as if other sockets were still to be read from.
  func receive(_ bytes: ByteBuffer...) throws {
    guard channel.isActive else { return }
    try channel.writeInbound(joined(bytes))
  }

  func advance(_ time: TimeAmount) { channel.embeddedEventLoop.advanceTime(by: time) }

  /// What was written since the last look.
  func received() throws -> [Frame] {
    channel.embeddedEventLoop.run()
    while let data = try channel.readOutbound(as: IOData.self) {
      if case .byteBuffer(let part) = data { unread.writeImmutableBuffer(part) }
    }
    var frames: [Frame] = []
    while unread.readableBytes >= 9, let word = unread.getInteger(at: unread.readerIndex, as: UInt64.self),
      unread.readableBytes >= 9 + Int(word >> 40)
    {
      let stream = unread.getInteger(at: unread.readerIndex + 5, as: UInt32.self) ?? 0
      unread.moveReaderIndex(forwardBy: 9)
      frames.append(
        Frame(
          kind: Frame.Kind(rawValue: UInt8(truncatingIfNeeded: word >> 32)),
          flags: UInt8(truncatingIfNeeded: word >> 24), stream: stream,
          payload: unread.readSlice(length: Int(word >> 40)) ?? ByteBuffer()))
    }
    return frames
  }

  static func frame(_ kind: Frame.Kind, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: ByteBuffer = ByteBuffer())
    -> ByteBuffer
  {
    var bytes = ByteBuffer()
    bytes.writeInteger(UInt64(payload.readableBytes) << 40 | UInt64(kind.rawValue) << 32 | UInt64(flags) << 24)
    bytes.moveWriterIndex(to: bytes.writerIndex - 3)
    bytes.writeInteger(stream)
    bytes.writeImmutableBuffer(payload)
    return bytes
  }

  /// The headers of a call, and its request; nil: that is still to come.
  func call(_ stream: UInt32, _ method: RPCMethod = .adminServicePing, _ message: String? = "") throws -> ByteBuffer {
    var block = ByteBuffer()
    try encoder.encode(
      headers: [
        ":method": "POST", ":scheme": "http", ":path": "/\(method.fullName)", ":authority": "test",
        "content-type": "application/grpc", "te": "trailers",
      ], to: &block)
    let head = Self.frame(.headers, flags: 4, stream: stream, block)
    guard let message else { return head }
    var body = ByteBuffer()
    body.writeMultipleIntegers(UInt8(0), UInt32(message.utf8.count))
    body.writeString(message)
    return joined([head, Self.frame(.data, flags: 1, stream: stream, body)])
  }
}
