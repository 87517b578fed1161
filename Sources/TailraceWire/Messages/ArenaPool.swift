internal import Synchronization

/// Arenas that nobody uses at the moment: to make one costs more than to decode a small message. Thread-safe.
final class ArenaPool: Sendable {
  /// For messages from outside, with the usual bounds.
  static let decoding = ArenaPool(limitBytes: DecodeLimits.default.arenaBytes)

  private struct Idle: @unchecked Sendable {
    // In the pool it is nobody's, out of it it is one thread's.
    let arena: Arena
  }

  /// No more than threads that use one at a time.
  private static let mostIdle = 64
  private static let initialBytes = 4 << 10
  private let limitBytes: Int
  private let idle = Mutex<[Idle]>([])

  /// `limitBytes`: of each, see `Arena`.
  init(limitBytes: Int) { self.limitBytes = limitBytes }

  /// Lends an arena, empty, to `body`, which must not keep it.
  func withArena<R, Failure: Error>(_ body: (Arena) throws(Failure) -> R) throws(Failure) -> R {
    let arena = idle.withLock { $0.popLast() }?.arena ?? Arena(initialBytes: Self.initialBytes, limitBytes: limitBytes)
    defer {
      arena.reset()
      let returned = Idle(arena: arena)
      idle.withLock { if $0.count < Self.mostIdle { $0.append(returned) } }
    }
    return try body(arena)
  }
}
