internal import Logging
internal import NIOCore
internal import NIOHTTP2
internal import TailraceWire

// Deadlines of calls, idle and stalled peers, and the ends that a connection can come to.
extension GRPCConnectionHandler {
  // MARK: Deadlines

  /// Sees to it that the timer goes off at the earliest deadline. It may go off too early, since calls are answered.
  func scheduleDeadline() {
    guard earliestDeadline < deadlineTimerAt else { return }
    deadlineTimer?.cancel()
    deadlineTimerAt = earliestDeadline
    deadlineTimer = eventLoop.scheduleTask(deadline: earliestDeadline) {
      self.deadlineTimerAt = .distantFuture
      self.deadlineTimer = nil
      guard self.phase == .open else { return }
      self.expire()
      self.work()
    }
  }

  private func expire() {
    let now = eventLoop.now
    for (id, stream) in streams where stream.deadline <= now {
      fail(id, RPCError(.deadlineExceeded, "the call's grpc-timeout passed before there was an answer"))
    }
    earliestDeadline = streams.values.map(\.deadline).min() ?? .distantFuture
  }

  // MARK: Peers

  func scheduleTick() {
    let interval = min(limits.idleTimeout, limits.stallTimeout, limits.keepaliveInterval, limits.keepaliveTimeout)
    tick = eventLoop.scheduleTask(in: .nanoseconds(max(1, interval.nanoseconds / 2))) {
      self.checkOnPeer()
      if self.phase == .open { self.scheduleTick() }
    }
  }

  private func checkOnPeer() {
    guard phase == .open else { return }
    let now = eventLoop.now
    let awaitedBytes = isDraining ? unsentBytes : unsentUnaryBytes
    if awaitedBytes > 0 && now - lastSent >= limits.stallTimeout {
      logger.info("connection cut: the peer does not read its answers", metadata: [LogKey.peer: "\(peer)"])
      context?.close(promise: nil)
    } else if isGone(now) {
      logger.info("connection cut: the peer does not answer pings", metadata: [LogKey.peer: "\(peer)"])
      context?.close(promise: nil)
    } else if streams.isEmpty && unsentBytes == 0 && now - lastTraffic >= limits.idleTimeout {
      logger.debug("connection idle", metadata: [LogKey.peer: "\(peer)"])
      startDraining()
    } else {
      getOnWithoutBudget(now)
      if !budget.hasRoom || unsentBytes >= limits.maxBytesInFlight { cutStreams(now) }
      for (id, stream) in streams where stream.isStalled(at: now, limits.stallTimeout) && isReading {
        fail(id, RPCError(.deadlineExceeded, "a request was begun, and nothing more of it came in time"))
      }
      awaitTurn()
    }
  }

  /// Whether the peer was asked if it is there, and has not answered in time. One of which nothing came for long is asked
  /// now: what it waits for is kept for nobody where its machine, or the way there, has gone without a word.
  private func isGone(_ now: NIODeadline) -> Bool {
    // Its answer could not be read.
    guard isReading else { return false }
    if let pingedAt { return now - pingedAt >= limits.keepaliveTimeout }
    guard !streams.isEmpty || unsentBytes > 0, now - lastRead >= limits.keepaliveInterval else { return false }
    pingedAt = now
    write(.rootStream, .ping(HTTP2PingData(withInteger: 0), ack: false))
    flush()
    return false
  }

  /// While the process's memory is used up, or what this connection may have of it, streams whose peers take nothing are no
  /// longer kept for them, those that have ended included.
  private func cutStreams(_ now: NIODeadline) {
    for (id, stream) in lingeringStreams where now - stream.lastSent >= limits.stallTimeout {
      lingeringStreams[id] = nil
      unfinishedInputs.remove(id)
      reset(id, .enhanceYourCalm)
    }
    for (id, stream) in streams where stream.unsentBytes > 0 && now - stream.lastSent >= limits.stallTimeout {
      _ = remove(id)
      // What waits to be sent goes with the stream.
      reset(id, .enhanceYourCalm)
      abandon(id, stream)
    }
  }

  // MARK: Ends

  /// Takes no further calls, and closes when those in flight are answered. Event loop only.
  package func startDraining() {
    guard phase == .open, !isDraining else { return }
    isDraining = true
    sayGoAway()
    endOwnStreams()
    work()
  }

  /// Tells the peer to make new calls elsewhere. Those that are on their way already are refused, each by itself.
  ///
  /// The frame goes past `NIOHTTP2Handler`, which from its own GOAWAY on takes the DATA of such a call for an error of the
  /// whole connection: length 8 (3 bytes), type 7, flags 0, stream 0, the last stream's number, NO_ERROR.
  private func sayGoAway(last: HTTP2StreamID = HTTP2StreamID(Int(Int32.max))) {
    guard let context, let outlet = try? context.pipeline.syncOperations.context(handler: http2) else { return }
    flush()
    var frame = ByteBuffer()
    frame.writeMultipleIntegers(UInt8(0), UInt16(8), UInt8(7), UInt8(0), UInt32(0), UInt32(Int(last)), UInt32(0))
    outlet.writeAndFlush(NIOAny(frame), promise: nil)
  }

  /// Closes where nothing is left to do for a server that stops. True if so.
  func closeIfDone() -> Bool {
    guard isDraining, streams.isEmpty, unsentBytes == 0 else { return false }
    // What comes after the last one was not begun, and may be asked elsewhere.
    sayGoAway(last: lastStream)
    end()
    return true
  }

  func inputClosed() {
    guard phase == .open else {
      context?.close(promise: nil)
      return
    }
    // A gRPC client that shuts its side is gone: calls that wait for something are answered now.
    isInputEndToTell = true
    for (id, stream) in streams where !stream.isCalled {
      fail(id, RPCError(.cancelled, "the client has closed its side of the connection"))
    }
    isDraining = true
    work()
  }

  /// Sends what was written and closes: our side first, so that no reset overtakes the last frames.
  func end() {
    guard phase == .open, let context else { return }
    leave(.ending)
    context.flush()
    // NIO closes its side once all that was flushed is sent.
    context.close(mode: .output, promise: nil)
    lingerTimer = eventLoop.scheduleTask(in: limits.lingerTimeout) { self.context?.close(promise: nil) }
    readOn()
  }

  /// The channel is gone, or this handler leaves it.
  func finish() {
    guard phase != .closed else { return }
    leave(.closed)
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
    deadlineTimer?.cancel()
    tick?.cancel()
    outbox.close()
    queue.removeAll()
    streams = [:]
    heldUpStreams = []
    lingeringStreams = [:]
    unfinishedInputs = []
    partialBytes = 0
    settleBudget()
    dispatcher.connectionClosed(self)
  }
}

/// What is left of a stream that has ended: bytes of its answers that are not sent yet, and when some were last.
struct LingeringStream {
  private(set) var unsentBytes: Int
  private(set) var lastSent: NIODeadline

  init(unsentBytes: Int, lastSent: NIODeadline) {
    self.unsentBytes = unsentBytes
    self.lastSent = lastSent
  }

  mutating func note(sent byteCount: Int, at now: NIODeadline) {
    unsentBytes -= byteCount
    lastSent = now
  }
}

extension GRPCStream {
  /// Whether its request has begun, and nothing more of it came for so long. A stream of many requests may rest between
  /// two of them.
  fileprivate func isStalled(at now: NIODeadline, _ timeout: TimeAmount) -> Bool {
    if isInputEnded || now - lastInput < timeout { return false }
    return !takesManyRequests || assembler.isWithinMessage
  }
}
