internal import NIOCore
internal import TailraceWire

// A connection's part in its loop's turns.
extension GRPCConnectionHandler: TurnMember {
  var isOpen: Bool { phase == .open }

  /// There is something to write: in the turn under way, if there is one.
  func joinTurn() {
    guard !isInTurn, phase == .open else { return }
    isInTurn = turn.join(self)
    if !isInTurn { awaitTurn() }
  }

  func beginTurn(at now: NIODeadline) -> CallOffer? {
    // It stands in a list still if it had its turn before that list's; twice in one turn it would be offered twice.
    guard isTurnAwaited, phase == .open else { return nil }
    isTurnAwaited = false
    isInTurn = true
    turnShare = TurnShare()
    offeredCount = 0
    let outside = outbox.takeAll()
    // Charged already; `settleBudget` puts right what becomes of it.
    chargedBytes += outside.chargedBytes
    for item in outside.items { answer(item.response, to: item.call.stream) }
    guard !queue.isEmpty, hasRoom else { return nil }
    offeredCount = queue.count
    return CallOffer(connection: self, calls: queue)
  }

  func endTurn() {
    guard isInTurn else { return }
    if phase == .open { flush() }
    settleBudget()
    isInTurn = false
    guard phase == .open else { return }
    scheduleDeadline()
    if isInputEndToTell, queue.isEmpty {
      isInputEndToTell = false
      dispatcher.inputEnded(on: self)
    }
    if closeIfDone() { return }
    resumeStreams()
    readOn()
    if !queue.isEmpty && hasRoom {
      // A dispatcher that leaves calls for a reason of its own is asked again with the next read, or answer.
      if turnShare.isTimeUp { awaitLaterTurn() } else if queue.count < offeredCount { awaitTurn() }
    } else if !(queue.isEmpty && heldUpStreams.isEmpty) && !hasBudget {
      awaitBudget()
    }
  }
}
