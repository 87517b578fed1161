internal import NIOCore
internal import TailraceWire

/// A connection that holds no more than this gets on even when the process's budget is used up by others.
private let budgetFloorBytes = 16 << 10

// The account of what this connection holds in memory, and what it may do while the process's budget is used up.
extension GRPCConnectionHandler {
  /// Bytes in memory on behalf of the peer: what the process's budget is charged with.
  var heldBytes: Int { queue.heldBytes + partialBytes + unsentMemoryBytes }

  /// Those of them that reading adds to. What waits to be sent keeps nothing from being read: it may be what says that there
  /// is room for it.
  private var inputBytes: Int { queue.heldBytes + partialBytes }

  /// Whether the process's memory lets this connection get on.
  var hasBudget: Bool { budget.hasRoom || heldBytes <= budgetFloorBytes }

  /// Why a large answer cannot be kept in memory for the peer to read.
  var budgetRefusal: RPCError? {
    let isHolder = budget.isOverdrawn && unsentMemoryBytes > limits.largeHolderBytes
    guard isHolder || budget.isExhausted else { return nil }
    return RPCError(
      .resourceExhausted,
      "the server's memory for requests and answers is used up by all connections together; try again later",
      error: .limitReached)
  }

  /// Brings the budget up to date with what is held.
  func settleBudget() {
    let held = phase == .closed ? 0 : heldBytes
    let change = held - chargedBytes
    chargedBytes = held
    if change > 0 { budget.charge(change) } else if change < 0 { budget.release(-change) }
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

  /// Asks for the next read, unless there is too much to do already.
  func readOn() {
    guard !isReading, phase != .closed, let context else { return }
    if phase == .open {
      let mayReadOn = budget.hasRoom || inputBytes <= budgetFloorBytes
      guard inputBytes < limits.maxBytesInFlight + limits.frame.maxFrameBytes, mayReadOn else {
        starvedSince = starvedSince ?? eventLoop.now
        if !mayReadOn { awaitBudget() }
        return
      }
      if starvedSince != nil {
        starvedSince = nil
        // What it answered meanwhile is still to be read.
        pingedAt = nil
      }
    }
    isReading = true
    context.read()
  }

  /// One that waits for memory, and holds much of it, has its calls refused: else those that wait for each other's would
  /// wait for ever.
  func getOnWithoutBudget(_ now: NIODeadline) {
    guard let since = starvedSince, now - since >= limits.stallTimeout else { return }
    let error = RPCError(
      .resourceExhausted, "the server's memory for requests is used up by all connections together; try again later",
      error: .limitReached)
    for call in queue.ids { fail(call.stream, error) }
    for (id, stream) in streams where stream.heldBytes > 0 { fail(id, error) }
    isReading = true
    context?.read()
    awaitTurn()
  }
}
