internal import NIOCore
internal import TailraceWire

/// However long a server asks for, no call waits longer than this.
private let mostThrottleMs: UInt32 = 60_000

// Time, and the end.
extension ClientConnectionHandler {
  var isThrottled: Bool { throttledUntil > eventLoop.now }

  func throttle(_ ms: UInt32) {
    let wait = TimeAmount.milliseconds(Int64(min(ms, mostThrottleMs)))
    throttledUntil = max(throttledUntil, eventLoop.now + wait)
    eventLoop.scheduleTask(deadline: throttledUntil) { self.flush() }
  }

  func scheduleDeadline(_ deadline: NIODeadline) {
    guard deadline < deadlineTimerAt else { return }
    deadlineTimer?.cancel()
    deadlineTimerAt = deadline
    deadlineTimer = eventLoop.scheduleTask(deadline: deadline) { self.expire() }
  }

  private func expire() {
    deadlineTimerAt = .distantFuture
    deadlineTimer = nil
    let now = eventLoop.now
    let error = RPCError(.deadlineExceeded, "\(server) did not answer within the call's time-out")
    var earliest = NIODeadline.distantFuture
    var isSilent = false
    for case (let id, let pending?) in inFlight {
      if pending.deadline <= now {
        // While the kernel gathers, bytes may have come that nobody was told of.
        isSilent = isSilent || (awaitedBytes == 1 && receivedAt < pending.sentAt)
        giveUp(id)
        pending.completion(.failure(error))
      } else {
        earliest = min(earliest, pending.deadline)
      }
    }
    let overdue = waiting.filter { deadline(of: $0) <= now }
    if !overdue.isEmpty {
      waiting.removeAll { deadline(of: $0) <= now }
      waitingBytes -= overdue.reduce(0) { $0 + $1.messageBytes }
      for call in overdue { call.completion(.failure(error)) }
    }
    for call in waiting { earliest = min(earliest, deadline(of: call)) }
    // So that the next time it can be judged.
    if let context { wait(for: 1, context) }
    if isSilent && configuration.endsWhenSilent {
      fail(RPCError(.unavailable, "\(server) does not answer any more"))
      return
    }
    scheduleDeadline(earliest)
    flush()
  }

  // MARK: The end

  func closeIfRetired() {
    guard isRetiring, inFlight.isEmpty, waiting.isEmpty else { return }
    fail(RPCError(.unavailable, "the connection to \(server) was retired"))
  }

  /// Ends the connection; its calls fail with `error`, unless there was a reason before.
  func fail(_ error: RPCError) {
    if reason == nil { reason = error }
    guard phase != .closed else { return }
    finish()
    context?.close(promise: nil)
  }

  func finish() {
    guard phase != .closed else { return }
    let wasOpen = phase == .open
    phase = .closed
    let error = reason ?? lost()
    reason = error
    prefaceTimer?.cancel()
    deadlineTimer?.cancel()
    ready?.fail(error)
    ready = nil
    let pending = inFlight
    let calls = waiting
    inFlight = [:]
    waiting = []
    for case (_, let call?) in pending { call.completion(.failure(error)) }
    for call in calls { call.completion(.failure(error)) }
    if wasOpen { onEvent?(.closed(error)) }
    onEvent = nil
  }

  func lost() -> RPCError {
    RPCError(.unavailable, "the connection to \(server) was lost")
  }

  /// A failure of the connection as the server told it, with the server's name.
  func named(_ failure: RPCError) -> RPCError {
    RPCError(failure.code, "\(server) ended the connection: \(failure.message)", error: failure.error)
  }
}
