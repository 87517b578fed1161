internal import CTailraceWire

/// Bounded scratch memory for protobuf-c.
///
/// Not Sendable: confined to its user, such as one connection on its event loop. Encoding and decoding leave it as
/// empty as they found it, so one arena serves any number of calls, one after the other.
package final class Arena {
  /// The shim's arena. What comes from it lives until `reset()`.
  let pointer: OpaquePointer

  /// - Parameters:
  ///   - initialBytes: Kept for the arena's life.
  ///   - limitBytes: Handed out at most between two resets, inclusive; beyond it encoding and decoding fail.
  package init(initialBytes: Int = 16 * 1024, limitBytes: Int = DecodeLimits.default.arenaBytes) {
    guard let pointer = trw_arena_create(max(0, initialBytes), max(0, limitBytes)) else {
      // As Swift's own allocations do.
      preconditionFailure("out of memory")
    }
    self.pointer = pointer
  }

  deinit {
    trw_arena_destroy(pointer)
  }

  /// Bytes handed out since the last reset, padding included.
  package var usedBytes: Int { trw_arena_used(pointer) }

  /// Takes back all that was handed out.
  package func reset() {
    trw_arena_reset(pointer)
  }

  /// `byteCount` uninitialised bytes, 16-byte aligned, or nil past the limit.
  func allocate(byteCount: Int) -> UnsafeMutableRawPointer? {
    trw_arena_allocate(pointer, byteCount)
  }
}
