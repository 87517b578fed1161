internal import Logging
package import NIOCore
package import NIOHTTP2
package import TailraceWire

/// One connection of the gRPC door: HTTP/2's streams on one side, the broker's calls on the other.
///
/// Stands behind `NIOHTTP2Handler`, which takes frames apart, keeps the state of streams and windows, and bounds what a
/// peer may do to them; there is no channel, task or handler for a stream, only an entry in a table. Its parts: ingress
/// (frames to calls), egress (answers to frames), windows, timers and closing, each in a file of its own.
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
  let dispatcher: any RequestDispatcher
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
  var isReading = false
  var streams: [HTTP2StreamID: GRPCStream] = [:]
  /// The last one that a client has opened, and that was not refused.
  var lastStream = HTTP2StreamID.rootStream
  /// Calls that the dispatcher has not taken yet.
  var queue = InboundCalls()
  var isDispatching = false
  /// Bytes of the requests that are not whole yet.
  var partialBytes = 0
  /// Whether frames were written since the last flush.
  var needsFlush = false
  /// Calls that stream, and wait for output to be sent.
  var heldUpStreams: Set<HTTP2StreamID> = []
  /// Whether `work` will be called soon.
  var isWorkAwaited = false
  var isWorking = false
  /// Bytes of answers that are not sent yet, those of them that are in memory, and those of calls with one answer.
  var unsentBytes = 0
  var unsentMemoryBytes = 0
  var unsentUnaryBytes = 0
  var lastSent = NIODeadline.uptimeNanoseconds(0)
  var lastTraffic = NIODeadline.uptimeNanoseconds(0)
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

  init(
    eventLoop: any EventLoop, environment: ConnectionEnvironment, http2: NIOHTTP2Handler, watcher: GoAwayWatcher
  ) {
    self.eventLoop = eventLoop
    self.http2 = http2
    self.watcher = watcher
    dispatcher = environment.dispatcher
    limits = environment.limits
    budget = environment.budget
    logger = environment.logger
    outbox = Outbox(budget: environment.budget)
  }

  // MARK: CallConnection

  package var acceptsCalls: Bool { hasRoom }

  /// Whether unsent output is below its limits.
  var hasRoom: Bool { phase == .open && unsentBytes < limits.maxBytesInFlight && hasBudget }

  package func respond(_ response: Response, to call: CallID) {
    guard eventLoop.inEventLoop else {
      if outbox.add(response, to: call) { eventLoop.execute { self.work() } }
      return
    }
    answer(response, to: call.stream)
    awaitWork()
  }

  package func send(_ message: Response, to call: CallID) {
    guard isInFlight(call), let chunks = message.chunks else { return }
    send(chunks, on: call.stream)
    awaitWork()
  }

  package func credit(of call: CallID) -> Int {
    guard let stream = streams[call.stream] else { return 0 }
    let room = hasRoom ? Self.connectionOutputBytes - unsentBytes : 0
    let credit = min(Self.streamOutputBytes - stream.unsentBytes, room)
    if credit <= 0 { heldUpStreams.insert(call.stream) }
    return credit
  }

  /// What is kept for a peer that takes a stream more slowly than it could go.
  static let streamOutputBytes = 1 << 20
  /// The same for all streams of a connection together.
  static let connectionOutputBytes = 8 << 20

  package func isInFlight(_ call: CallID) -> Bool { phase == .open && streams[call.stream]?.isCalled == true }

  package func offerAgain() { eventLoop.execute { self.work() } }

  package func hold(_ byteCount: Int) -> Bool {
    guard !budget.isExhausted else { return false }
    budget.charge(byteCount)
    return true
  }

  package func release(_ byteCount: Int) { budget.release(byteCount) }

  // MARK: Work

  /// Does all there is to do: answers of other threads, calls of the queue, one flush, and what follows from there being
  /// more room.
  func work() {
    isWorkAwaited = false
    guard phase == .open, !isWorking else { return }
    isWorking = true
    let outside = outbox.takeAll()
    // Charged already; `settleBudget` puts right what becomes of it.
    chargedBytes += outside.chargedBytes
    for item in outside.items { answer(item.response, to: item.call.stream) }
    dispatch()
    flush()
    settleBudget()
    isWorking = false
    guard phase == .open else { return }
    scheduleDeadline()
    if closeIfDone() { return }
    resumeStreams()
    readOn()
    if !(queue.isEmpty && heldUpStreams.isEmpty) && !hasBudget { awaitBudget() }
  }

  /// Has `work` called soon.
  func awaitWork() {
    guard !isWorkAwaited, !isWorking else { return }
    isWorkAwaited = true
    eventLoop.execute { self.work() }
  }

  private func dispatch() {
    guard !queue.isEmpty, hasRoom else { return }
    isDispatching = true
    // The dispatcher answers while it takes calls, and that must find `queue` free to be looked at.
    var offers = [CallOffer(connection: self, calls: InboundCalls())]
    swap(&offers[0].calls, &queue)
    dispatcher.dispatch(&offers)
    if phase == .open { swap(&offers[0].calls, &queue) }
    isDispatching = false
  }

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
    scheduleTick()
    openWindow()
    logger.debug("connection opened", metadata: [LogKey.peer: "\(peer)", LogKey.door: "grpc"])
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard phase == .open else { return }
    lastTraffic = eventLoop.now
    take(unwrapInboundIn(data))
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    if phase == .open { work() } else { readOn() }
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
