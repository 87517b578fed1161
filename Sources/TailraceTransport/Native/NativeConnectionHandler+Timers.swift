internal import Logging
internal import NIOCore
internal import TailraceWire

// Deadlines of calls; idle and stalled peers.
extension NativeConnectionHandler {
  /// Sees to it that the timer goes off at the earliest deadline. It may go off too early, since calls are answered; it
  /// is only ever moved forward, so that a call costs no timer of its own.
  func scheduleDeadline() {
    let earliest = calls.earliestDeadline
    guard earliest < deadlineTimerAt else { return }
    deadlineTimer?.cancel()
    deadlineTimerAt = earliest
    deadlineTimer = eventLoop.scheduleTask(deadline: earliest) {
      self.deadlineTimerAt = .distantFuture
      self.deadlineTimer = nil
      guard self.phase == .open else { return }
      self.now = self.eventLoop.now
      self.expireCalls()
      self.work()
    }
  }

  func expireCalls() {
    for call in calls.overdue(at: now) {
      giveUp(call, RPCError(.deadlineExceeded, "the call's timeout_ms passed before there was an answer"))
    }
  }

  /// Looks after idle and stalled peers, twice per time-out: so they are noticed at most half a time-out late.
  func scheduleTick() {
    let interval = min(limits.idleTimeout, limits.stallTimeout)
    tick = eventLoop.scheduleTask(in: .nanoseconds(max(1, interval.nanoseconds / 2))) {
      self.now = self.eventLoop.now
      self.noteWriteProgress()
      self.checkOnPeer()
      if self.phase == .open { self.scheduleTick() }
    }
  }

  /// A large write says nothing until it is over: what the channel has left to send tells more.
  func noteWriteProgress() {
    let buffered = try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)
    writeProgress.note(left: (buffered ?? channelBytes) + unsentBytes - channelBytes, at: now)
  }

  private func checkOnPeer() {
    guard phase == .open else { return }
    if unsentBytes > 0 && now - writeProgress.lastAt >= limits.stallTimeout {
      logger.info("connection cut: the peer does not read its answers", metadata: [LogKey.peer: "\(peer)"])
      context?.close(promise: nil)
    } else if (isPaused || isBehind || !queue.isEmpty) && !hasBudget {
      getOnWithoutBudget()
    } else if decoder.partialBytes > 0 && isReading && now - lastRead >= limits.stallTimeout {
      let seconds = limits.stallTimeout.nanoseconds / 1_000_000_000
      end(with: RPCError(.deadlineExceeded, "a frame was begun, and nothing more of it came within \(seconds) s"))
    } else if calls.isEmpty && outputBytes == 0 && now - lastTraffic >= limits.idleTimeout {
      logger.debug("connection idle", metadata: [LogKey.peer: "\(peer)"])
      context?.close(promise: nil)
    }
  }

  func cancelTimers() {
    deadlineTimer?.cancel()
    deadlineTimer = nil
    tick?.cancel()
    tick = nil
    largeHolderTimer?.cancel()
    largeHolderTimer = nil
  }
}
