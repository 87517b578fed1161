internal import DequeModule
internal import Logging
internal import NIOCore
internal import TailraceWire

// The ends that a connection can come to.
extension NativeConnectionHandler {
  /// Takes no further calls, and closes when those in flight are answered. Event loop only.
  package func startDraining() {
    guard phase == .open, !isDraining else { return }
    isDraining = true
    work()
  }

  /// Closes where nothing is left to do for a peer that sends no more, or for a server that stops. True if so.
  func closeIfDone() -> Bool {
    guard isInputClosed || isDraining, !isBehind, calls.isEmpty, queue.isEmpty, outputBytes == 0 else { return false }
    if isInputClosed {
      context?.close(promise: nil)
    } else {
      end(with: RPCError(.unavailable, "the server is shutting down; connect anew", error: .shuttingDown))
    }
    return true
  }

  /// Says why, in a frame about the connection itself, and closes. Calls in flight are abandoned.
  ///
  /// Only our side is closed at first: closing with bytes unread makes the kernel send a reset, which can overtake the
  /// frame. So what comes is read and dropped until the peer closes too, for a short time at most.
  func end(with error: RPCError) {
    guard phase == .open, let context else { return }
    if error.error != .shuttingDown {
      logger.info(
        "connection refused to go on", metadata: [LogKey.peer: "\(peer)", LogKey.error: "\(error)"])
    }
    gatherFailure(error, to: 0)
    isInTurn = true
    flushOutput(all: true)
    isInTurn = false
    // The flush may have found that the peer is gone.
    guard phase == .open else { return }
    leave(.ending)
    let flushed = context.channel.eventLoop.makePromise(of: Void.self)
    context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer())), promise: flushed)
    flushed.futureResult.whenComplete { _ in self.closeOutput() }
    guard phase == .ending else { return }
    lingerTimer = eventLoop.scheduleTask(in: limits.lingerTimeout) {
      self.context?.close(promise: nil)
    }
    readOn()
  }

  private func closeOutput() {
    guard phase == .ending, let context else { return }
    context.close(mode: isInputClosed ? .all : .output, promise: nil)
  }

  /// The channel is gone, or this handler leaves it.
  func finish() {
    guard phase != .closed else { return }
    leave(.closed)
    if let directName { turn.forget(directName) }
    directName = nil
    lingerTimer?.cancel()
    lingerTimer = nil
    settleBudget()
    logger.debug("connection closed", metadata: [LogKey.peer: "\(peer)"])
  }

  /// Leaves the open phase, where nobody has yet: all calls are given up.
  private func leave(_ next: Phase) {
    let wasOpen = phase == .open
    phase = next
    guard wasOpen else { return }
    cancelTimers()
    outbox.close()
    queue.removeAll()
    decoder = FrameDecoder(limits: limits.frame)
    gather = ByteBuffer()
    gatheredBytes = 0
    spareGather = ByteBuffer()
    // What the channel has it tells of itself.
    unsentBytes -= backlog.reduce(0) { $0 + $1.count }
    unsentMemoryBytes -= backlog.reduce(0) { $0 + $1.memoryBytes }
    backlog = []
    isBehind = false
    heldUpStreams = []
    calls = CallTable(capacity: limits.maxCallsInFlight)
    settleBudget()
    dispatcher.connectionClosed(self)
  }
}
