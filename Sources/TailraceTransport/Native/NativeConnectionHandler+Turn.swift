internal import NIOCore
internal import TailraceWire

// A connection's part in its loop's turns.
extension NativeConnectionHandler: TurnMember {
  var isOpen: Bool { phase == .open }

  /// There is something to write: in the turn under way, if there is one.
  func joinTurn() {
    guard !isInTurn, phase == .open else { return }
    isInTurn = turn.join(self)
    if isInTurn { now = eventLoop.now } else { awaitTurn() }
  }

  func beginTurn(at now: NIODeadline) -> CallOffer? {
    // It stands in a list still if it had its turn before that list's; twice in one turn it would be offered twice.
    guard isTurnAwaited, phase == .open else { return nil }
    isTurnAwaited = false
    isInTurn = true
    self.now = now
    turnShare = TurnShare()
    takeFrames()
    let outside = outbox.takeAll()
    // Charged already; `settleBudget` puts right what becomes of it.
    chargedBytes += outside.chargedBytes
    for item in outside.items { answer(item.response, to: item.call) }
    offeredCount = 0
    guard !queue.isEmpty else { return nil }
    // Some may have waited here past their deadline.
    if calls.earliestDeadline <= now { expireCalls() }
    hadRoom = hasRoom
    guard hadRoom, !queue.isEmpty else { return nil }
    offeredCount = queue.count
    return CallOffer(connection: self, calls: queue)
  }

  func endTurn() {
    guard isInTurn else { return }
    if phase == .open { flushOutput() }
    settleBudget()
    isInTurn = false
    guard phase == .open else { return }
    let isCut = turnShare.isTimeUp && hasRoom && !queue.isEmpty
    // First what came before it, a turn's share at a time.
    if let violation, queue.isEmpty, backlog.isEmpty {
      end(with: RPCError(violation))
      return
    }
    scheduleDeadline()
    if isInputEndToTell, queue.isEmpty, !isBehind {
      isInputEndToTell = false
      dispatcher.inputEnded(on: self)
    }
    if closeIfDone() { return }
    resumeStreams()
    readOn()
    if isCut || (isBehind && hasRoom) || (!backlog.isEmpty && channelBytes == 0) {
      awaitLaterTurn()
    } else if !queue.isEmpty || isBehind {
      awaitRoom()
    }
  }

  /// Output was sent: those that stream may add some.
  private func resumeStreams() {
    guard !heldUpStreams.isEmpty, outputBytes <= Self.streamOutputBytes / 2 else { return }
    let streams = heldUpStreams
    heldUpStreams = []
    for call in streams { dispatcher.creditGranted(to: call, on: self) }
  }

  /// Calls are left: sees to it that they are offered again when there may be room for their answers.
  private func awaitRoom() {
    if hasRoom {
      // What was flushed may be sent already, and leave room for the next calls. A dispatcher that leaves calls although
      // there is room is asked again with the next read, or answer.
      if !hadRoom || queue.count < offeredCount { awaitTurn() }
    } else if !hasBudget {
      // Room for output comes with `didWrite`; room in the budget can come from any thread, since we looked too.
      awaitBudget()
    } else if outputBytes < limits.maxBytesInFlight {
      awaitTurn()
    }
  }
}
