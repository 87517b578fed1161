internal import DequeModule
internal import Logging
package import NIOCore
package import TailraceWire

/// After a read of up to so many bytes the next one is asked for at once.
private let earlyReadBytes = 64 << 10

/// One connection of the native door, after the prefaces.
///
/// The only handler in its pipeline. All frames of a read are taken apart where they lie; in its loop's next turn
/// (`LoopTurn`) their calls are handed to the dispatcher together, the answers are gathered in one buffer, and that is
/// written and flushed once. Its parts: ingress (frames to calls), turns, egress (answers to bytes), timers, and closing,
/// each in a file of its own.
///
/// Isolation: the channel's event loop, but for `respond`, which may be called from anywhere.
///
/// `@unchecked Sendable`: all mutable state but the outbox, which has a lock, is touched on the event loop only.
package final class NativeConnectionHandler: ChannelInboundHandler, CallConnection, @unchecked Sendable {
  package typealias InboundIn = ByteBuffer
  package typealias OutboundOut = IOData

  enum Phase {
    /// Takes calls.
    case open
    /// Has said its last; discards what comes until the peer closes too, or the linger time-out.
    case ending
    case closed
  }

  package let eventLoop: any EventLoop
  package let door = Door.native
  let turn: LoopTurn
  let dispatcher: any RequestDispatcher
  let limits: ConnectionLimits
  let budget: MemoryBudget
  let logger: Logger
  let outbox: Outbox

  // Event loop only, from here on.
  var context: ChannelHandlerContext?
  var phase = Phase.open
  package internal(set) var peer = ""
  /// The peer has shut its side down: nothing more will come.
  var isInputClosed = false
  /// Whether the dispatcher is to be told of that once it has all calls.
  var isInputEndToTell = false
  /// No new calls are taken; the connection closes when the last one is answered.
  var isDraining = false

  // Checks for overlapping accesses are left out where one costs as much as what it guards. There can be none: they are
  // touched on one thread, by code of this module that calls nobody meanwhile.

  // Ingress.
  @exclusivity(unchecked) var decoder: FrameDecoder
  let arena: Arena
  @exclusivity(unchecked) var calls: CallTable
  /// Calls that the dispatcher has not taken yet, in the order in which they came.
  let queue = InboundCalls()
  /// What the peer did that ends the connection, once what came before is done with.
  var violation: FrameError?
  /// Whether a read was asked for that has not completed.
  var isReading = false
  /// Whether the read under way has brought anything.
  var hasRead = false
  /// Whether reads bring so little that they may go past the channel.
  var isReadDirectly = false
  /// What `turn` knows this connection by as one that does.
  var directName: UInt32?
  /// Whether the last look found that nothing more may be read for now.
  var isPaused = false
  /// Whether there are whole frames that were not taken yet: there were too many for one turn.
  var isBehind = false

  // Egress.
  /// nil where the channel has none, or has something to write already.
  var socket: DirectSocket?
  let encoder: FrameEncoder
  /// Frames not yet handed to the channel, and how many bytes they are.
  @exclusivity(unchecked) var gather = ByteBuffer()
  var gatheredBytes = 0
  /// To gather in while the channel has the other one.
  @exclusivity(unchecked) var spareGather = ByteBuffer()
  /// Bytes of whole pieces not sent, and those of them that are in memory.
  var unsentBytes = 0 {
    didSet { if (oldValue == 0) != (unsentBytes == 0) { turn.noteHeldBack(unsentBytes > 0) } }
  }
  var unsentMemoryBytes = 0
  /// Bytes of those that the channel has; the rest waits in the backlog.
  var channelBytes = 0
  var backlog = Deque<OutboundPiece>()
  /// Whether something was handed to the channel since the last flush.
  var needsFlush = false
  /// What of the shared budget this connection has taken.
  var chargedBytes = 0
  var isWaitingForBudget = false
  /// Whether this connection may get on for now although the budget is used up.
  var isPastBudget = false
  /// Calls that stream, and wait for output to be sent.
  var heldUpStreams: Set<CallID> = []

  // Turns.
  var isInTurn = false
  var isTurnAwaited = false
  /// What was offered to the dispatcher in this turn, and whether there was room then for answers.
  var offeredCount = 0
  var hadRoom = false
  @exclusivity(unchecked) var turnShare = TurnShare()

  // Timers.
  var deadlineTimer: Scheduled<Void>?
  var deadlineTimerAt = NIODeadline.distantFuture
  var tick: Scheduled<Void>?
  /// Runs while much output is kept for the peer.
  var largeHolderTimer: Scheduled<Void>?
  var lingerTimer: Scheduled<Void>?
  var now = NIODeadline.uptimeNanoseconds(0)
  var lastRead = NIODeadline.uptimeNanoseconds(0)
  var lastTraffic = NIODeadline.uptimeNanoseconds(0)
  var writeProgress = WriteProgress()

  /// - Parameter turn: The one that all connections of `eventLoop` share.
  package init(eventLoop: any EventLoop, environment: ConnectionEnvironment, turn: LoopTurn) {
    self.eventLoop = eventLoop
    self.turn = turn
    dispatcher = environment.dispatcher
    budget = environment.budget
    logger = environment.logger
    outbox = Outbox(budget: environment.budget)
    limits = environment.limits
    decoder = FrameDecoder(limits: limits.frame)
    calls = CallTable(capacity: limits.maxCallsInFlight)
    arena = Arena(initialBytes: 512, limitBytes: 256 << 10)
    // Answers are bounded by what clients expect, whatever requests may be.
    encoder = FrameEncoder(arena: arena)
  }

  // MARK: CallConnection

  package var acceptsCalls: Bool { turnShare.allowsCall(in: turn) && hasRoom }

  /// Whether unsent output is below its limits.
  var hasRoom: Bool { phase == .open && outputBytes < limits.maxBytesInFlight && hasBudget }

  package func respond(_ response: Response, to call: CallID) {
    guard eventLoop.inEventLoop else {
      if outbox.add(response, to: call) { turn.addFromOutside(self) }
      return
    }
    answer(response, to: call)
    joinTurn()
  }

  package func expectAnswer() { turn.expectAnswer() }

  package func takePlaceInTurn() -> Bool { eventLoop.inEventLoop && turn.takePlace() }

  package func send(_ message: Response, to call: CallID) {
    stream(message, to: call)
    joinTurn()
  }

  package func credit(of call: CallID) -> Int {
    let credit = Int(clamping: calls.credit(of: call))
    guard credit > 0, outputBytes >= Self.streamOutputBytes else { return credit }
    heldUpStreams.insert(call)
    return 0
  }

  /// While so much output waits to be sent, streams add none.
  static let streamOutputBytes = 1 << 20

  package func isInFlight(_ call: CallID) -> Bool { phase == .open && calls.contains(call) }

  package func offerAgain() { turn.addFromOutside(self) }

  package func hold(_ byteCount: Int) -> Bool {
    guard !budget.isExhausted else { return false }
    budget.charge(byteCount)
    return true
  }

  package func release(_ byteCount: Int) { budget.release(byteCount) }

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
    // What was written before, the preface, comes first.
    let buffered = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)
    if buffered == 0, let socket = DirectSocket(context.channel) {
      self.socket = socket
      directName = turn.watch(socket, for: self)
    }
    now = eventLoop.now
    lastRead = now
    lastTraffic = now
    writeProgress = WriteProgress(at: now)
    scheduleTick()
    logger.debug("connection opened", metadata: [LogKey.peer: "\(peer)"])
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    hasRead = true
    guard phase == .open else { return }
    now = eventLoop.now
    lastRead = now
    lastTraffic = now
    // Behind a violation nothing can be told apart any more.
    guard violation == nil else { return }
    let bytes = unwrapInboundIn(data)
    isReadDirectly = directName != nil && bytes.readableBytes < LoopSockets.readBytes
    turn.noteRead(isSmall: isReadDirectly)
    decoder.receive(bytes)
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    defer { hasRead = false }
    guard hasRead else {
      // A read that brought nothing is the end of the stream, which NIO is about to note. It does not expect a write to
      // fail, and so the channel to be closed, before it has: what there is to do is done afterwards.
      awaitTurn()
      return
    }
    // Asked for here, the next read costs the loop nothing; at the turn's end it would have to be registered for anew.
    // After much that is worth it: there may be more in it than a turn takes.
    if decoder.bufferedBytes <= earlyReadBytes { readOn() }
    awaitTurnAfterRead()
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(.inputClosed) = event as? ChannelEvent {
      isInputClosed = true
      if phase == .open {
        isInputEndToTell = true
        work()
      } else {
        context.close(promise: nil)
      }
    }
    context.fireUserInboundEventTriggered(event)
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A reset, for the most part. What is to be said about it is said when the channel is gone.
    logger.debug(
      "connection failed", metadata: [LogKey.peer: "\(peer)", LogKey.error: "\(error)"])
    context.close(promise: nil)
  }

  package func channelInactive(context: ChannelHandlerContext) {
    finish()
    context.fireChannelInactive()
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    finish()
    self.context = nil
    socket = nil
  }
}
