internal import NIOCore

/// When a peer last took some of what was written for it.
///
/// Only bytes that left the process count: that more was written says nothing about the peer. Confined to its
/// connection's event loop.
struct WriteProgress {
  /// The last time that bytes left, or that there was nothing for the peer to take.
  private(set) var lastAt: NIODeadline
  /// All bytes ever handed to the channel.
  private var handedBytes = 0
  /// How many of them had left at the last `note(left:at:)`.
  private var goneBytes = 0

  init(at now: NIODeadline = .uptimeNanoseconds(0)) {
    lastAt = now
  }

  /// Bytes were handed to a channel. `wasEmpty`: nothing was waiting there before, so the peer's time begins now.
  mutating func hand(_ count: Int, wasEmpty: Bool, at now: NIODeadline) {
    handedBytes += count
    if wasEmpty { lastAt = now }
  }

  /// Bytes are known to have left.
  mutating func move(at now: NIODeadline) {
    lastAt = now
  }

  /// The channel has `left` bytes to send. Were there more, or have some of those left that came since, that is
  /// progress.
  mutating func note(left: Int, at now: NIODeadline) {
    let gone = handedBytes - left
    if gone > goneBytes { lastAt = now }
    goneBytes = gone
  }
}
