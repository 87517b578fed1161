package import TailraceWire

/// Where a server listens, and its bounds.
package struct ServerConfiguration: Sendable {
  /// A name or an address: "127.0.0.1", "::1", "0.0.0.0".
  package var host: String
  /// 0: a free port, to be learnt from `Server.boundAddress`.
  package var port: Int
  /// Event loops, each with a thread of its own; nil: one per core.
  package var eventLoopCount: Int?
  package var connection: ConnectionLimits
  package var process: ProcessLimits

  package init(
    host: String = "127.0.0.1",
    port: Int = 7171,
    eventLoopCount: Int? = nil,
    connection: ConnectionLimits = .default,
    process: ProcessLimits = .default
  ) {
    self.host = host
    self.port = port
    self.eventLoopCount = eventLoopCount
    self.connection = connection
    self.process = process
  }
}

/// Why a server does not listen. `message` is for a person.
package struct ServerError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String

  package init(_ message: String) { self.message = message }

  package var description: String { message }
}
