internal import Logging
internal import NIOCore
internal import TailraceWire

/// A connection that holds no more than this gets on even when the process's budget is used up by others.
private let budgetFloorBytes = 16 << 10
/// What a connection holds may pass what the budget was charged with by so much in the course of a turn.
private let unsettledBytes = 256 << 10

// The account of what this connection holds in memory, and what it may do while the process's budget is used up.
extension NativeConnectionHandler {
  /// Bytes of output in memory that are not sent yet.
  private var outputMemoryBytes: Int { unsentMemoryBytes + gatheredBytes }

  /// Bytes in memory on behalf of the peer: what the process's budget is charged with.
  private var heldBytes: Int { queue.heldBytes + decoder.bufferedBytes + outputMemoryBytes }

  /// Whether the process's memory lets this connection get on.
  var hasBudget: Bool {
    budget.hasRoom
      || heldBytes <= (isPastBudget ? limits.largeHolderBytes : budgetFloorBytes)
  }

  /// Why a large answer cannot be kept in memory for the peer to read: mostly since this connection is one of those
  /// that use the memory up.
  var budgetRefusal: RPCError? {
    let held = outputMemoryBytes
    if budget.isOverdrawn && held > limits.largeHolderBytes {
      let message =
        "the server's memory for requests and answers is used up by all connections together, and \(held) bytes of"
        + " answers wait to be read on this one; read them, then try again"
      return RPCError(.resourceExhausted, message, error: .limitReached)
    }
    if budget.isExhausted {
      let message =
        "the server's memory for requests and answers is used up by all connections together; try again later"
      return RPCError(.resourceExhausted, message, error: .limitReached)
    }
    return nil
  }

  /// Brings the budget up to date with what is held.
  func settleBudget() {
    let held = phase == .closed ? 0 : heldBytes
    let change = held - chargedBytes
    if outputMemoryBytes > limits.largeHolderBytes { watchLargeHolder() }
    if change == 0 { return }
    chargedBytes = held
    if change > 0 { budget.charge(change) } else { budget.release(-change) }
  }

  /// The same where it matters before the turn's end.
  func settleLargeBudget() {
    if heldBytes - chargedBytes >= unsettledBytes { settleBudget() }
  }

  /// Has `work` run when there is room in the budget again.
  func awaitBudget() {
    guard !isWaitingForBudget else { return }
    isWaitingForBudget = true
    budget.whenThereIsRoom { [eventLoop] in
      eventLoop.execute {
        self.isWaitingForBudget = false
        self.work()
      }
    }
  }

  /// Looks after a peer for which much output is kept more often than the tick does, for as long as that is so.
  private func watchLargeHolder() {
    guard largeHolderTimer == nil, phase == .open else { return }
    let timeout = min(limits.crampedStallTimeout, limits.stallTimeout)
    let interval = TimeAmount.nanoseconds(max(1, timeout.nanoseconds / 2))
    largeHolderTimer = eventLoop.scheduleTask(in: interval) {
      self.largeHolderTimer = nil
      guard self.phase == .open, self.outputMemoryBytes > self.limits.largeHolderBytes else { return }
      self.now = self.eventLoop.now
      self.noteWriteProgress()
      if !self.budget.hasRoom && self.now - self.writeProgress.lastAt >= timeout {
        self.logger.info(
          "connection cut: memory is used up, and the peer does not read its answers",
          metadata: [LogKey.peer: "\(self.peer)"])
        self.context?.close(promise: nil)
      } else {
        self.watchLargeHolder()
      }
    }
  }

  /// Looks after a connection that waits for room in the budget. That is no fault of its peer's, so one that holds
  /// little gets a step past the budget: the calls that are there are executed, and there is one read. One that holds
  /// much has its calls refused, or is told to go: else those that wait for each other's memory would wait for ever.
  func getOnWithoutBudget() {
    if heldBytes <= limits.largeHolderBytes {
      isPastBudget = true
      work()
      isPastBudget = false
      return
    }
    guard now - lastRead >= limits.stallTimeout else { return }
    let error = RPCError(
      .resourceExhausted, "the server's memory for requests is used up by all connections together; try again later",
      error: .limitReached)
    for call in queue.ids { giveUp(call, error) }
    if decoder.partialBytes > limits.largeHolderBytes { end(with: error) } else { work() }
  }
}
