internal import CTailraceWire
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// Descriptors that are looked at together, without waiting (epoll(7)).
package struct ReadySet: ~Copyable {
  private let set: CInt

  /// nil where there are no descriptors left; `errno` says why.
  package init?() {
    let made = trw_ready_set_make()
    guard made >= 0 else { return nil }
    set = made
  }

  deinit { close(set) }

  /// Has `descriptor` looked at until it is closed. False where the system does not allow that.
  @discardableResult
  package func add(_ descriptor: CInt) -> Bool { trw_ready_set_add(set, descriptor) == 0 }

  /// Whether there is something to read from any of them, its end included.
  package var isReady: Bool { trw_ready_set_is_ready(set) != 0 }
}
