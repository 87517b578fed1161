internal import NIOCore
internal import Synchronization
internal import TailraceWire

/// Answers that other threads gave and the event loop has not seen yet. Thread-safe.
///
/// They wait for the loop's next turn, not for their peer: from the first answer on, the loop has been told. There is at
/// most one for each call that the dispatcher took, so at most a connection's calls in flight and those given up of
/// late. What they take in memory is charged to the process's budget as they come in.
final class Outbox: Sendable {
  struct Item: Sendable {
    let response: Response
    let call: CallID
  }

  /// What was taken out. `chargedBytes` remain charged: that is for whoever took them to settle.
  struct Contents: Sendable {
    var items: [Item] = []
    var chargedBytes = 0
  }

  private struct State {
    var contents = Contents()
    var isClosed = false
  }

  private let budget: MemoryBudget
  private let state = Mutex(State())

  init(budget: MemoryBudget) {
    self.budget = budget
  }

  /// Adds an answer. True where it is the first since the last `takeAll`: then the event loop has to be told.
  func add(_ response: Response, to call: CallID) -> Bool {
    let bytes = response.memoryBytes
    return state.withLock { state in
      if state.isClosed { return false }
      state.contents.items.append(Item(response: response, call: call))
      state.contents.chargedBytes += bytes
      budget.charge(bytes)
      return state.contents.items.count == 1
    }
  }

  func takeAll() -> Contents {
    state.withLock { state in
      defer { state.contents = Contents() }
      return state.contents
    }
  }

  /// Drops what is there and all that comes.
  func close() {
    let dropped = state.withLock { state in
      defer { state = State(isClosed: true) }
      return state.contents.chargedBytes
    }
    if dropped > 0 { budget.release(dropped) }
  }
}

extension Response {
  /// Bytes that the answer's message takes in memory; what lies in files takes none.
  fileprivate var memoryBytes: Int {
    switch self {
    case .message(let message): message.readableBytes
    case .short(let message): message.count
    case .chunks(let chunks): chunks.memoryBytes
    case .failure, .end: 0
    }
  }
}
