package import Logging
internal import NIOCore
package import TailraceWire

/// What connections of one server share.
package struct ConnectionEnvironment: Sendable {
  package var dispatcher: any RequestDispatcher
  package var limits: ConnectionLimits
  package var budget: MemoryBudget
  package var logger: Logger
  /// What the gRPC door serves beside the broker's services.
  package var additionalServices: (any AdditionalServices)?

  package init(
    dispatcher: any RequestDispatcher, limits: ConnectionLimits = .default, budget: MemoryBudget, logger: Logger,
    additionalServices: (any AdditionalServices)? = nil
  ) {
    self.dispatcher = dispatcher
    self.limits = limits
    self.budget = budget
    self.logger = logger
    self.additionalServices = additionalServices
  }
}

/// A peer as log lines and handlers see it: "127.0.0.1:51822", "[::1]:51822".
func peerName(_ address: SocketAddress?) -> String {
  guard let address, let ip = address.ipAddress, let port = address.port else { return "unknown" }
  return ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)"
}
