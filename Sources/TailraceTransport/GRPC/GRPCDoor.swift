package import NIOCore
internal import NIOHTTP2
internal import TailraceWire

/// Makes what serves a connection of the gRPC door, and sets the bounds that HTTP/2 is kept in.
package enum GRPCDoor {
  /// What a peer may do to HTTP/2 itself; past it, its connection ends with ENHANCE_YOUR_CALM or PROTOCOL_ERROR.
  ///
  /// Clients that are well cancel calls, and ping to measure the connection, some as often as once a round trip (what they
  /// may ping otherwise: `PingPolicy`): the rates are far above theirs, and far below what costs much. Source of the dangers: CVE-2019-9512 and its kin, CVE-2023-44487 (rapid reset), CERT VU#421644
  /// (CONTINUATION flood).
  package enum Bounds {
    /// Headers of a request, in bytes, each with HTTP/2's 32 of overhead.
    package static let maxHeaderListBytes = 16 << 10
    /// RST_STREAM frames, and streams that broke the rules, in `resetWindow`.
    package static let maxResets = 2_000
    package static let resetWindow = TimeAmount.seconds(2)
    /// PING, SETTINGS and PRIORITY frames in `controlFrameWindow`.
    package static let maxControlFrames = 5_000
    package static let controlFrameWindow = TimeAmount.milliseconds(200)
    /// Answers to such frames that wait to be sent.
    package static let maxBufferedControlFrames = 1_000
    /// CONTINUATION frames in a row.
    package static let maxContinuations = 8
  }

  /// The handlers of a connection, from the front, and the last of them.
  ///
  /// - Parameter turn: The one that all connections of `eventLoop` share.
  static func handlers(
    eventLoop: any EventLoop, environment: ConnectionEnvironment, turn: LoopTurn
  ) -> (all: [any ChannelHandler], connection: GRPCConnectionHandler) {
    let watcher = GoAwayWatcher()
    var connection = NIOHTTP2Handler.ConnectionConfiguration()
    let maxStreams = environment.limits.maxCallsInFlight
    connection.initialSettings = [
      // Stands first for `SettingsExchange`. Streams that are refused count until that is written.
      HTTP2Setting(parameter: .maxConcurrentStreams, value: maxStreams + Bounds.maxBufferedControlFrames + 1),
      HTTP2Setting(parameter: .initialWindowSize, value: GRPCWindows.streamBytes),
      HTTP2Setting(parameter: .maxHeaderListSize, value: Bounds.maxHeaderListBytes),
      HTTP2Setting(parameter: .enableConnectProtocol, value: 0),
    ]
    connection.maximumBufferedControlFrames = Bounds.maxBufferedControlFrames
    connection.maximumSequentialContinuationFrames = Bounds.maxContinuations
    connection.controlFrameRateLimit.maximumCount = Bounds.maxControlFrames
    connection.controlFrameRateLimit.windowLength = Bounds.controlFrameWindow
    // What comes on a stream that was reset lately was on its way, and is no error: as many as there can be.
    connection.maximumRecentlyResetStreams = maxStreams + Bounds.maxBufferedControlFrames
    // Over a connection's whole life; it is their rate that is bounded.
    connection.maximumConnectionGlitches = .max
    var stream = NIOHTTP2Handler.StreamConfiguration()
    stream.streamResetFrameRateLimit.maximumCount = Bounds.maxResets
    stream.streamResetFrameRateLimit.windowLength = Bounds.resetWindow
    stream.streamErrorRateLimit.maximumCount = Bounds.maxResets
    stream.streamErrorRateLimit.windowLength = Bounds.resetWindow
    let http2 = NIOHTTP2Handler(
      mode: .server, frameDelegate: watcher, connectionConfiguration: connection, streamConfiguration: stream)
    let handler = GRPCConnectionHandler(
      eventLoop: eventLoop, environment: environment, turn: turn, http2: http2, watcher: watcher)
    return ([SettingsExchange(maxStreams: maxStreams), http2, handler], handler)
  }
}
