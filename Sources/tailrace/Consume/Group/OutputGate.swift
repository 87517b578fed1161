import Synchronization
import TailraceClient

/// Lets pieces be written until somebody wants the end: then the consumer is closed, but not while one is being written,
/// which may take as long as the output's reader likes. Thread-safe.
final class OutputGate: Sendable {
  private struct State {
    var isWriting = false
    var isStopping = false
    var reason: CommandFailure?
  }

  private let state = Mutex(State())
  private let consumer: Consumer

  init(_ consumer: Consumer) { self.consumer = consumer }

  /// Why it ends; nil: all is well.
  var reason: CommandFailure? { state.withLock { $0.reason } }

  /// Ends it. `reason`: nil where all is well.
  func stop(_ reason: CommandFailure?) {
    let mayClose = state.withLock { state in
      guard !state.isStopping else { return false }
      (state.isStopping, state.reason) = (true, reason)
      return !state.isWriting
    }
    if mayClose { Task { [consumer] in await consumer.close() } }
  }

  /// False where nothing is to be written any more.
  func beginWriting() -> Bool {
    state.withLock { state in
      state.isWriting = !state.isStopping
      return state.isWriting
    }
  }

  /// False where that was the last.
  func endWriting() -> Bool {
    state.withLock { state in
      state.isWriting = false
      return !state.isStopping
    }
  }

  /// Whether a piece is being written.
  var isWriting: Bool { state.withLock { $0.isWriting } }
}
