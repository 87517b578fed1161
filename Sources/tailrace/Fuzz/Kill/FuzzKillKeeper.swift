import Foundation
import Synchronization

/// Knows the broker's process, and kills it, also where the command is interrupted or late. Thread-safe.
final class FuzzKillKeeper: Sendable {
  private struct State {
    var processID: Int32?
    /// Whether it does not listen yet.
    var isStarting = false
    var reason: String?
  }

  private let state = Mutex(State())

  /// Why the command is to end; nil as long as it is not.
  var reason: String? { state.withLock { $0.reason } }

  /// Takes over a process that was started. It is killed at once where the command is to end.
  func adopt(_ processID: Int32) {
    state.withLock { state in
      state.processID = processID
      state.isStarting = true
      if state.reason != nil { kill(processID, SIGKILL) }
    }
  }

  /// The process listens.
  func noteStarted(_ processID: Int32) {
    state.withLock { state in if state.processID == processID { state.isStarting = false } }
  }

  /// Whether the process is the one that is kept, and does not listen yet.
  func isStarting(_ processID: Int32) -> Bool {
    state.withLock { $0.processID == processID && $0.isStarting }
  }

  /// Kills the process, if it is still the one that is kept.
  func kill9(_ processID: Int32) {
    state.withLock { state in
      guard state.processID == processID else { return }
      kill(processID, SIGKILL)
    }
  }

  /// The process is gone: its id may soon be another's.
  func release() { state.withLock { $0.processID = nil } }

  /// Kills the process, and every later one. The first reason counts.
  func end(_ reason: String) {
    state.withLock { state in
      state.reason = state.reason ?? reason
      if let processID = state.processID { kill(processID, SIGKILL) }
    }
  }
}
