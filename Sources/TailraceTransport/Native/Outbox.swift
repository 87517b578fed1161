internal import NIOCore
internal import Synchronization
internal import TailraceWire

/// Answers that other threads gave and the event loop has not seen yet. Thread-safe.
final class Outbox: Sendable {
  struct Item: Sendable {
    let response: Response
    let call: CallID
  }

  private struct State {
    var items: [Item] = []
    var isClosed = false
  }

  private let state = Mutex(State())

  /// Adds an answer. True where it is the first since the last `takeAll`: then the event loop has to be told.
  func add(_ response: Response, to call: CallID) -> Bool {
    state.withLock { state in
      if state.isClosed { return false }
      state.items.append(Item(response: response, call: call))
      return state.items.count == 1
    }
  }

  func takeAll() -> [Item] {
    state.withLock { state in
      defer { state.items = [] }
      return state.items
    }
  }

  /// Drops what is there and all that comes.
  func close() {
    state.withLock { state in
      state.items = []
      state.isClosed = true
    }
  }
}
