import Foundation
import Synchronization

/// Starts processes one at a time: a process that is started while another one's pipes are made inherits them, and then
/// the other one's output ends only when it has ended, too.
enum Spawning {
  private static let turn = Mutex(())

  /// `body` makes the pipes and starts the process.
  static func inTurn<Started>(_ body: () throws -> Started) rethrows -> Started {
    try turn.withLock { _ in try body() }
  }
}
