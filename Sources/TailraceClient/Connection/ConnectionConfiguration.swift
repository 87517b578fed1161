package import NIOCore
package import TailraceWire

/// How a client's connection is made, and its bounds.
package struct ConnectionConfiguration: Sendable {
  package var frame: FrameLimits
  /// Calls under way at a time, inclusive; more wait in the client. The server's default is 1,024.
  package var maxCallsInFlight: Int
  /// Bytes of requests not sent yet, waiting ones included; a call beyond fails with RESOURCE_EXHAUSTED.
  package var maxUnsentBytes: Int
  /// The socket must be connected, and the server's preface be there, within this each.
  package var connectTimeout: TimeAmount
  /// How much longer than a call's own time-out its answer is awaited: the server's DEADLINE_EXCEEDED says more than
  /// ours.
  package var timeoutSlack: TimeAmount
  /// Whether the connection is given up when a call's time is over and nothing at all was received since it was made: a
  /// server answers in time, if only with DEADLINE_EXCEEDED, so nobody is there any more.
  package var endsWhenSilent: Bool

  package init(
    frame: FrameLimits = .default,
    maxCallsInFlight: Int = 1000,
    maxUnsentBytes: Int = 64 << 20,
    connectTimeout: TimeAmount = .seconds(10),
    timeoutSlack: TimeAmount = .milliseconds(250),
    endsWhenSilent: Bool = false
  ) {
    self.frame = frame
    self.maxCallsInFlight = max(1, maxCallsInFlight)
    self.maxUnsentBytes = max(1, maxUnsentBytes)
    self.connectTimeout = connectTimeout
    self.timeoutSlack = timeoutSlack
    self.endsWhenSilent = endsWhenSilent
  }

  package static let `default` = ConnectionConfiguration()
}
