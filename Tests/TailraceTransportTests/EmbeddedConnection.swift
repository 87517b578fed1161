import Logging
import NIOCore
import NIOEmbedded
import TailraceTransport
import TailraceWire
import Testing

/// Stands between handler and socket: holds back what is written while it is shut, and counts reads.
final class Valve: ChannelOutboundHandler {
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  var isShut = false
  /// Whether flushes are held back: what is written stays in the channel then, as with a socket that takes no more.
  var isClogged = false
  private(set) var reads = 0
  private(set) var flushes = 0
  private(set) var heldBytes = 0
  private var held: [(IOData, EventLoopPromise<Void>?)] = []
  /// Called with each flush.
  var onFlush: () -> Void = {}

  func read(context: ChannelHandlerContext) {
    reads += 1
    context.read()
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard isShut else {
      context.write(data, promise: promise)
      return
    }
    let data = unwrapOutboundIn(data)
    heldBytes += data.readableBytes
    held.append((data, promise))
  }

  func flush(context: ChannelHandlerContext) {
    flushes += 1
    onFlush()
    if !isClogged { context.flush() }
  }

  /// Lets go of what was held; `once`: what is written thereupon is held again.
  func open(_ channel: EmbeddedChannel, once: Bool = false) throws {
    isShut = once
    let context = try channel.pipeline.syncOperations.context(handler: self)
    let released = held
    held = []
    heldBytes = 0
    for (data, promise) in released { context.write(wrapOutboundOut(data), promise: promise) }
    context.flush()
    channel.embeddedEventLoop.run()
  }

  /// Fails what was held, as a channel does that is closed.
  func drop() {
    for (_, promise) in held { promise?.fail(ChannelError.ioOnClosedChannel) }
    held = []
  }
}

/// A handler in a pipeline without a socket.
final class EmbeddedConnection {
  let channel: EmbeddedChannel
  let dispatcher: FakeDispatcher
  let valve = Valve()
  let handler: NativeConnectionHandler
  let budget: MemoryBudget

  /// - Parameters:
  ///   - loop: Connections of one loop share it, and its turn.
  ///   - turn: That of `loop`, with the same dispatcher; nil for one of its own.
  init(
    _ dispatcher: FakeDispatcher = .standard(), limits: ConnectionLimits = .default,
    budget: MemoryBudget = MemoryBudget(limitBytes: 512 << 20), loop: EmbeddedEventLoop = EmbeddedEventLoop(),
    turn: LoopTurn? = nil
  ) throws {
    self.channel = EmbeddedChannel(loop: loop)
    self.dispatcher = dispatcher
    self.budget = budget
    self.handler = NativeConnectionHandler(
      eventLoop: channel.eventLoop,
      environment: ConnectionEnvironment(
        dispatcher: dispatcher, limits: limits, budget: budget,
        logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })),
      turn: turn ?? LoopTurn(eventLoop: channel.eventLoop, dispatcher: dispatcher))
    try channel.pipeline.syncOperations.addHandlers([valve, handler])
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 9)).wait()
  }

  deinit {
    valve.drop()
    _ = try? channel.finish(acceptAlreadyClosed: true)
  }

  func send(_ frames: ByteBuffer...) throws {
    try channel.writeInbound(joined(frames))
    channel.embeddedEventLoop.run()
  }

  /// As `send`, but before the loop runs: as if other sockets were still to be read from.
  func receive(_ frames: ByteBuffer...) throws { try channel.writeInbound(joined(frames)) }

  func advance(_ time: TimeAmount) {
    channel.embeddedEventLoop.advanceTime(by: time)
  }

  /// What was written since the last look.
  func output() throws -> ByteBuffer {
    channel.embeddedEventLoop.run()
    var bytes = ByteBuffer()
    while let data = try channel.readOutbound(as: IOData.self) {
      if case .byteBuffer(let part) = data { bytes.writeImmutableBuffer(part) }
    }
    return bytes
  }

  func received() throws -> [Answer] { try answers(output()) }
}
