internal import CTailraceWire

/// How the system shares cores among threads.
package enum ThreadSlices {
  /// Lets the calling thread run for short slices: it gets no more time than others, but sooner after it wakes up. For
  /// threads that have little to do each time, and are waited for. Where the system does not know this, nothing changes.
  package static func preferShort() { _ = trw_prefer_short_slices(100_000) }
}
