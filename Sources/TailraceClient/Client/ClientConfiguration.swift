public import Logging
public import Metrics
public import NIOCore
public import Tracing

/// How a client reaches its broker, and what it reports to.
public struct ClientConfiguration: Sendable {
  /// The broker's address: "127.0.0.1:7171", "broker.example:7171", "[::1]:7171".
  public var server: String
  /// Names this program to people: it shows in descriptions of groups. At most 255 bytes without control characters.
  public var clientID = ""
  /// A connection must be there within this.
  public var connectTimeout: Duration = .seconds(10)
  /// A call, with its retries and with waiting for a connection, must be done within this, unless it has its own bound.
  public var callTimeout: Duration = .seconds(30)
  /// The first wait after a failed attempt; each further one waits twice as long. Jitter takes off up to a half.
  public var initialBackoff: Duration = .milliseconds(50)
  /// The longest wait between attempts.
  public var maxBackoff: Duration = .seconds(5)
  /// Bytes of requests that wait to be sent; a call beyond fails with RESOURCE_EXHAUSTED.
  public var maxUnsentBytes = 64 << 20
  /// Sent with every call: names of lower-case letters, digits, '-', '_' and '.'.
  public var metadata: [String: String] = [:]
  /// Where connections live; nil: threads of the process, shared.
  public var eventLoopGroup: (any EventLoopGroup)?
  /// Where the client logs; at info and below, warnings only for what a person should look at.
  public var logger: Logger
  /// Where it counts calls, bytes and records; nil: nowhere.
  public var metrics: (any MetricsFactory)?
  /// Where it records spans of calls; their context travels with them. Nil: nowhere.
  public var tracer: (any Tracer)?

  /// A configuration for the broker at `server`; the rest as documented.
  public init(
    server: String = "127.0.0.1:7171",
    logger: Logger = Logger(label: "tailrace-client") { _ in SwiftLogNoOpLogHandler() }
  ) {
    self.server = server
    self.logger = logger
  }
}
