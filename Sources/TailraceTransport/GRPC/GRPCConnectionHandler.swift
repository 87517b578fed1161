internal import Logging
package import NIOCore
package import NIOHTTP2
package import TailraceWire

/// One connection of the gRPC door: HTTP/2's streams on one side, the broker's calls on the other.
///
/// Stands behind `NIOHTTP2Handler`, which takes frames apart, keeps the state of streams and windows, and bounds what a
/// peer may do to them; there is no channel, task or handler for a stream, only an entry in a table. Its parts: ingress
/// (frames to calls), turns, egress (answers to frames), windows, timers, budget and closing, each in a file of its own.
///
/// Isolation: the channel's event loop, but for `respond`, `offerAgain`, `hold` and `release`. `@unchecked Sendable`: all
/// mutable state but the outbox, which has a lock, is touched on the event loop only.
package final class GRPCConnectionHandler: ChannelInboundHandler, CallConnection, @unchecked Sendable {
  package typealias InboundIn = HTTP2Frame
  package typealias OutboundOut = HTTP2Frame

  enum Phase {
    case open
    /// Has said its last; what comes is dropped until the peer closes too, or the linger time-out.
    case ending
    case closed
  }

  package let eventLoop: any EventLoop
  package let door = Door.grpc
  let turn: LoopTurn
  let dispatcher: any RequestDispatcher
  let additionalServices: (any AdditionalServices)?
  let limits: ConnectionLimits
  let budget: MemoryBudget
  let logger: Logger
  let outbox: Outbox
  /// The handler in front of this one.
  let http2: NIOHTTP2Handler
  let watcher: GoAwayWatcher

  // Event loop only, from here on.
  var context: ChannelHandlerContext?
  var phase = Phase.open
  package internal(set) var peer = ""
  var isDraining = false
  /// Whether the dispatcher is to be told that nothing more comes, once it has all calls.
  var isInputEndToTell = false
  var isReading = false
  /// Whether the read under way has brought a frame.
  var hasRead = false
  var streams: [HTTP2StreamID: GRPCStream] = [:]
  /// The last one that a client has opened, and that was not refused.
  var lastStream = HTTP2StreamID.rootStream
  /// Calls that the dispatcher has not taken yet.
  let queue = InboundCalls()
  /// Bytes of the requests that are not whole yet.
  var partialBytes = 0
  /// Whether frames were written since the last flush.
  var needsFlush = false
  /// Calls that stream, and wait for output to be sent.
  var heldUpStreams: Set<HTTP2StreamID> = []
  /// Streams that have ended, and have output that is not sent yet.
  var lingeringStreams: [HTTP2StreamID: LingeringStream] = [:]
  /// Of those that have ended the ones whose clients have not: they are reset behind the last output.
  var unfinishedInputs: Set<HTTP2StreamID> = []
  // Its part in turns.
  var isInTurn = false
  var isTurnAwaited = false
  /// What was offered to the dispatcher in this turn.
  var offeredCount = 0
  var turnShare = TurnShare()
  /// Bytes of answers that are not sent yet, those of them that are in memory, and those of calls with one answer.
  var unsentBytes = 0
  var unsentMemoryBytes = 0
  var unsentUnaryBytes = 0
  var lastSent = NIODeadline.uptimeNanoseconds(0)
  var lastTraffic = NIODeadline.uptimeNanoseconds(0)
  /// When a frame last came.
  var lastRead = NIODeadline.uptimeNanoseconds(0)
  /// When the peer was pinged, of which nothing has come since.
  var pingedAt: NIODeadline?
  var chargedBytes = 0
  var isWaitingForBudget = false
  /// Since when it could not read for want of memory.
  var starvedSince: NIODeadline?
  var pings = PingPolicy()
  /// No call's deadline is earlier than this.
  var earliestDeadline = NIODeadline.distantFuture
  var deadlineTimer: Scheduled<Void>?
  var deadlineTimerAt = NIODeadline.distantFuture
  var tick: Scheduled<Void>?
  var lingerTimer: Scheduled<Void>?

  /// - Parameter turn: The one that all connections of `eventLoop` share.
  init(
    eventLoop: any EventLoop, environment: ConnectionEnvironment, turn: LoopTurn, http2: NIOHTTP2Handler,
    watcher: GoAwayWatcher
  ) {
    self.eventLoop = eventLoop
    self.turn = turn
    self.http2 = http2
    self.watcher = watcher
    dispatcher = environment.dispatcher
    additionalServices = environment.additionalServices
    limits = environment.limits
    budget = environment.budget
    logger = environment.logger
    outbox = Outbox(budget: environment.budget)
  }

  // MARK: CallConnection

  package var acceptsCalls: Bool { turnShare.allowsCall(in: turn) && hasRoom }

  /// Whether unsent output is below its limits.
  var hasRoom: Bool { phase == .open && unsentBytes < limits.maxBytesInFlight && hasBudget }

  package func respond(_ response: Response, to call: CallID) {
    guard eventLoop.inEventLoop else {
      if outbox.add(response, to: call) { turn.addFromOutside(self) }
      return
    }
    answer(response, to: call.stream)
    joinTurn()
  }

  package func send(_ message: Response, to call: CallID) {
    guard isInFlight(call), let chunks = message.chunks else { return }
    send(chunks, on: call.stream)
    joinTurn()
  }

  package func credit(of call: CallID) -> Int {
    guard let stream = streams[call.stream] else { return 0 }
    // One whose peer takes it goes on, whatever the others' peers leave.
    let room = max(Self.connectionOutputBytes - unsentBytes, Self.streamOutputBytes / 2 - stream.unsentBytes)
    let credit = hasRoom ? min(Self.streamOutputBytes - stream.unsentBytes, room) : 0
    if credit <= 0 { heldUpStreams.insert(call.stream) }
    return credit
  }

  /// What is kept for a peer that takes a stream more slowly than it could go.
  static let streamOutputBytes = 1 << 20
  /// The same for all streams of a connection together, but for half of that of each stream.
  static let connectionOutputBytes = 8 << 20
  /// What one read brings at most.
  private static let readBytes = 64 << 10

  package func isInFlight(_ call: CallID) -> Bool { phase == .open && streams[call.stream]?.isCalled == true }

  package func offerAgain() { turn.addFromOutside(self) }

  package func hold(_ byteCount: Int) -> Bool {
    guard !budget.isExhausted else { return false }
    budget.charge(byteCount)
    return true
  }

  package func release(_ byteCount: Int) { budget.release(byteCount) }

  func flush() {
    guard needsFlush, let context else { return }
    needsFlush = false
    context.flush()
  }

  // MARK: ChannelInboundHandler

  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { start(context) }
  }

  package func channelActive(context: ChannelHandlerContext) {
    start(context)
    context.fireChannelActive()
  }

  private func start(_ context: ChannelHandlerContext) {
    guard tick == nil else { return }
    peer = peerName(context.channel.remoteAddress)
    lastTraffic = eventLoop.now
    lastSent = lastTraffic
    lastRead = lastTraffic
    // What a read brings is taken apart as a whole, while the loop's other connections wait.
    try? context.channel.syncOptions?.setOption(
      .recvAllocator,
      value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 8192, maximum: Self.readBytes))
    scheduleTick()
    openWindow()
    logger.debug("connection opened", metadata: [LogKey.peer: "\(peer)", LogKey.door: "grpc"])
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    hasRead = true
    guard phase == .open else { return }
    lastTraffic = eventLoop.now
    lastRead = lastTraffic
    pingedAt = nil
    take(unwrapInboundIn(data))
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    defer { hasRead = false }
    if phase != .open {
      readOn()
    } else if hasRead {
      awaitTurnAfterRead()
    } else {
      // It may be the end of the stream, which NIO is about to note, and it does not expect writes before it has.
      awaitTurn()
    }
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case let event as StreamClosedEvent: streamClosed(event.streamID)
    case let event as NIOHTTP2WindowUpdatedEvent: windowChanged(event)
    case ChannelEvent.inputClosed: inputClosed()
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug(
      "connection failed", metadata: [LogKey.peer: "\(peer)", LogKey.error: "\(error)"])
    // Of a stream's errors its peer was told, and the others go on.
    guard watcher.hasFailed || error is IOError || error is ChannelError else { return }
    end()
  }

  package func channelInactive(context: ChannelHandlerContext) {
    finish()
    context.fireChannelInactive()
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    finish()
    self.context = nil
  }
}

/// Notes what leaves: whether the connection was given up, which a GOAWAY with a reason tells, and whether something
/// else than an answer to a ping did. Isolation: its event loop.
package final class GoAwayWatcher: NIOHTTP2FrameDelegate {
  private(set) var hasFailed = false
  private var hasSent = false

  package init() {}

  package func wroteFrame(_ frame: HTTP2Frame) {
    switch frame.payload {
    case .goAway(_, let code, _) where code != .noError: hasFailed = true
    case .data, .headers, .windowUpdate: hasSent = true
    default: break
    }
  }

  /// Whether something was sent since this was last asked.
  func takeHasSent() -> Bool {
    defer { hasSent = false }
    return hasSent
  }
}
