internal import NIOCore
internal import TailraceWire

/// How the kernel finds out that a peer's machine is gone, whatever the connection's door: SO_KEEPALIVE's options. It asks
/// a peer that has been silent for a while, and closes where no answer comes.
struct SocketKeepalive {
  /// Of silence, before the peer is asked.
  let idleSeconds: Int
  /// Between two times that it is asked.
  let probeSeconds: Int
  /// How often it is asked until the connection is closed.
  let probeCount = 4

  /// The kernel counts in seconds, up to 32,767 of them.
  init(_ limits: ConnectionLimits) {
    idleSeconds = Self.seconds(limits.keepaliveInterval.nanoseconds)
    probeSeconds = Self.seconds(limits.keepaliveTimeout.nanoseconds / Int64(probeCount))
  }

  private static func seconds(_ nanoseconds: Int64) -> Int {
    Int(min(max(1, nanoseconds / 1_000_000_000), 32_767))
  }
}
