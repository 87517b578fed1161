import ArgumentParser
import TailraceClient

/// Which broker a command talks to, and why.
struct ServerChoice: Hashable, Sendable {
  enum Source: String, Sendable {
    case flag, environment, context
    case standard = "default"

    var words: String {
      switch self {
      case .flag: "the command line"
      case .environment: "the environment"
      case .context: "the context in use"
      case .standard: "the default"
      }
    }
  }

  let address: ServerAddress
  let source: Source
  /// The name of the context that it is the address of; nil: of none.
  let context: String?

  /// The first that is there: a flag, $TAILRACE_SERVER, $TAILRACE_CONTEXT, the context in use, the standard address.
  /// Fails with ValidationError for an address that is none, with CommandFailure for a context that is not there.
  init(server: ServerAddress?, context: String?, environment: [String: String]) throws {
    if let server {
      self.init(address: server, source: .flag, context: nil)
    } else if let context {
      self.init(address: try Self.server(of: context, environment), source: .flag, context: context)
    } else if let address = try Self.address(in: environment) {
      self.init(address: address, source: .environment, context: nil)
    } else if let name = environment[EnvironmentVariable.context], !name.isEmpty {
      self.init(address: try Self.server(of: name, environment), source: .environment, context: name)
    } else {
      let contexts = try ContextStore(environment: environment)?.load()
      let context = contexts?.current.flatMap { contexts?.context(named: $0) }
      self.init(
        address: context?.server ?? .standard, source: context == nil ? .standard : .context, context: context?.name)
    }
  }

  init(address: ServerAddress, source: Source, context: String?) {
    self.address = address
    self.source = source
    self.context = context
  }

  /// The environment's; nil where it has none. Fails with ValidationError for one that is none.
  static func address(in environment: [String: String]) throws -> ServerAddress? {
    guard let text = environment[EnvironmentVariable.server], !text.isEmpty else { return nil }
    guard let address = ServerAddress(text) else {
      throw ValidationError(
        "\(EnvironmentVariable.server) is '\(text)', which is not HOST:PORT, such as 127.0.0.1:7171 or [::1]:7171")
    }
    return address
  }

  private static func server(of context: String, _ environment: [String: String]) throws -> ServerAddress {
    guard let found = try ContextStore(environment: environment)?.load().context(named: context) else {
      throw CommandFailure.unknownContext(context)
    }
    return found.server
  }
}
