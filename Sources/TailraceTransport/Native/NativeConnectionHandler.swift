internal import DequeModule
internal import Logging
package import NIOCore
package import TailraceWire

/// One connection of the native door, after the prefaces.
///
/// The only handler in its pipeline. All frames of a read are taken apart where they lie, their calls are handed to the
/// dispatcher together, the answers are gathered in one buffer, and that is written and flushed once. Its parts:
/// ingress (frames to calls), egress (answers to bytes), timers, and closing, each in a file of its own.
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
  let environment: ConnectionEnvironment
  let outbox: Outbox

  var limits: ConnectionLimits { environment.limits }

  // Event loop only, from here on.
  var context: ChannelHandlerContext?
  var phase = Phase.open
  var peer = ""
  /// The peer has shut its side down: nothing more will come.
  var isInputClosed = false
  /// No new calls are taken; the connection closes when the last one is answered.
  var isDraining = false

  // Ingress.
  var decoder: FrameDecoder
  let arena: Arena
  var calls: CallTable
  /// Calls that the dispatcher has not taken yet, in the order in which they came.
  var queue = Deque<InboundCall>()
  /// Bytes of the messages in `queue`.
  var queuedBytes = 0
  /// What the peer did that ends the connection, once what came before is done with.
  var violation: FrameError?
  /// Whether a read was asked for that has not completed.
  var isReading = false
  /// Whether the read under way has brought anything.
  var hasRead = false
  /// Whether the last look found that nothing more may be read for now.
  var isPaused = false

  // Egress.
  let encoder: FrameEncoder
  /// Frames not yet handed to the channel.
  var gather = ByteBuffer()
  /// Bytes handed to the channel and not sent, and those of them that are in memory.
  var unsentBytes = 0
  var unsentMemoryBytes = 0
  /// Whether something was handed to the channel since the last flush.
  var needsFlush = false
  /// What of the shared budget this connection has taken.
  var chargedBytes = 0
  var isWaitingForBudget = false
  /// Whether this connection may get on for now although the budget is used up.
  var isPastBudget = false
  /// Whether `work` is running further up the stack, and whether it is to run soon.
  var isWorking = false
  var isWorkScheduled = false

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

  package init(eventLoop: any EventLoop, environment: ConnectionEnvironment) {
    self.eventLoop = eventLoop
    self.environment = environment
    self.outbox = Outbox(budget: environment.budget)
    let limits = environment.limits
    self.decoder = FrameDecoder(limits: limits.frame)
    self.calls = CallTable(capacity: limits.maxCallsInFlight)
    let arena = Arena(initialBytes: 512, limitBytes: 256 << 10)
    self.arena = arena
    // Answers are bounded by what clients expect, whatever requests may be.
    self.encoder = FrameEncoder(arena: arena)
  }

  // MARK: CallConnection

  package var acceptsCalls: Bool {
    phase == .open && outputBytes < limits.maxBytesInFlight && hasBudget
  }

  package func respond(_ response: Response, to call: CallID) {
    guard eventLoop.inEventLoop else {
      if outbox.add(response, to: call) {
        eventLoop.execute { self.work() }
      }
      return
    }
    answer(response, to: call)
    if !isWorking { scheduleWork() }
  }

  package func hold(_ byteCount: Int) -> Bool {
    guard !environment.budget.isExhausted else { return false }
    environment.budget.charge(byteCount)
    return true
  }

  package func release(_ byteCount: Int) { environment.budget.release(byteCount) }

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
    now = eventLoop.now
    lastRead = now
    lastTraffic = now
    writeProgress = WriteProgress(at: now)
    scheduleTick()
    environment.logger.debug("connection opened", metadata: [LogKey.peer: "\(peer)"])
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    hasRead = true
    guard phase == .open else { return }
    now = eventLoop.now
    lastRead = now
    lastTraffic = now
    // Behind a violation nothing can be told apart any more.
    guard violation == nil else { return }
    decoder.receive(unwrapInboundIn(data))
    takeFrames()
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    defer { hasRead = false }
    guard hasRead else {
      // A read that brought nothing is the end of the stream, which NIO is about to note. It does not expect a write to
      // fail, and so the channel to be closed, before it has: what there is to do is done afterwards.
      scheduleWork()
      return
    }
    if phase == .open { work() } else { readOn() }
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(.inputClosed) = event as? ChannelEvent {
      isInputClosed = true
      if phase == .open {
        work()
        environment.dispatcher.inputEnded(on: self)
      } else {
        context.close(promise: nil)
      }
    }
    context.fireUserInboundEventTriggered(event)
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A reset, for the most part. What is to be said about it is said when the channel is gone.
    environment.logger.debug(
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
  }

  // MARK: Work

  /// Does all there is to do, in order: answers of other threads, calls of the queue, one flush, and what follows from
  /// there being more room. Runs once per read, and whenever something else may have changed that.
  func work() {
    isWorkScheduled = false
    guard phase == .open, !isWorking else { return }
    isWorking = true
    now = eventLoop.now
    let outside = outbox.takeAll()
    // Charged already; `settleBudget` puts right what becomes of it.
    chargedBytes += outside.chargedBytes
    for item in outside.items { answer(item.response, to: item.call) }
    let waitsForRoom = dispatchAndFlush()
    settleBudget()
    isWorking = false
    if let violation {
      end(with: RPCError(violation))
      return
    }
    scheduleDeadline()
    if closeIfDone() { return }
    readOn()
    // Room for output comes with `didWrite`; room in the budget can come from any thread, since we looked too.
    if waitsForRoom {
      if !hasBudget { awaitBudget() } else if outputBytes < limits.maxBytesInFlight { scheduleWork() }
    }
  }

  /// Has `work` run when what is under way on this loop is done: so that answers that come together leave together.
  func scheduleWork() {
    guard !isWorkScheduled, phase == .open else { return }
    isWorkScheduled = true
    eventLoop.execute { self.work() }
  }

  /// True where calls are left because there is no room for their answers.
  private func dispatchAndFlush() -> Bool {
    while true {
      let before = queue.count
      let hadRoom = acceptsCalls
      dispatchQueue()
      flushOutput()
      if queue.isEmpty { return false }
      // What was flushed may be sent already, and leave room for the next calls.
      if !acceptsCalls { return true }
      // A dispatcher that leaves calls although there is room is asked again with the next read.
      if hadRoom && queue.count == before { return false }
    }
  }
}
