package import TailraceWire

/// Where a server listens, and all of its bounds. `validate` tells whether they make sense.
package struct ServerConfiguration: Sendable {
  /// A name or an address: "127.0.0.1", "::1", "0.0.0.0".
  package var host: String
  /// 0: a free port, to be learnt from `Server.boundAddress`.
  package var port: Int
  /// Event loops, each with a thread of its own, from 1 to 1,024; nil: one per core.
  package var eventLoopCount: Int?
  /// Bounds of each connection, and of the frames on it.
  package var connection: ConnectionLimits
  /// Bounds of all connections together, and how long they have when the server is stopped.
  package var process: ProcessLimits
  /// What the gRPC door serves beside the broker's services: nothing, but in tests.
  package var additionalServices: (any AdditionalServices)?

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
