internal import CTailraceWire
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// Descriptors that are looked at together, without waiting (epoll(7)).
package struct ReadySet: ~Copyable {
  /// So many are found at a time at most.
  package static let most = Int(TRW_READY_SET_MOST)

  private let set: CInt

  /// nil where there are no descriptors left; `errno` says why.
  package init?() {
    let made = trw_ready_set_make()
    guard made >= 0 else { return nil }
    set = made
  }

  deinit { close(set) }

  /// Has `descriptor` looked at under this name until it is closed; one that is looked at already gets another name. False
  /// where the system does not allow that.
  @discardableResult
  package func add(_ descriptor: CInt, as name: UInt32 = 0) -> Bool { trw_ready_set_add(set, descriptor, name) == 0 }

  /// Finds those that there is something to read from, its end included: up to `most` at a time. Adds their names to
  /// `names`. False where the look failed.
  package func find(_ names: inout [UInt32]) -> Bool {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Self.most) { found in
      let count = trw_ready_set_find(set, found.baseAddress, CInt(found.count))
      if count > 0 { names.append(contentsOf: found[..<Int(count)]) }
      return count >= 0
    }
  }
}
