import ArgumentParser
import Foundation
import NIOCore
import NIOPosix
import TailraceClient
import TailraceWire

/// What every command takes that talks to a broker.
struct ClientOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The broker's address; an IPv6 address in brackets. (default: $TAILRACE_SERVER, else that of the context, else"
        + " 127.0.0.1:7171)", valueName: "host:port"))
  var server: ServerAddress?

  @Option(
    help: ArgumentHelp(
      "The broker of this context; see 'tailrace context'. (default: $TAILRACE_CONTEXT, else the one in use)",
      valueName: "name"), completion: .contexts)
  var context: String?

  func validate() throws {
    guard server == nil || context == nil else { throw ValidationError("give one of --server and --context") }
    if server == nil && context == nil { _ = try ServerChoice.address(in: ProcessInfo.processInfo.environment) }
  }

  /// Which broker these options mean. Fails as `ServerChoice.init` does.
  func choice(environment: [String: String]) throws -> ServerChoice {
    try ServerChoice(server: server, context: context, environment: environment)
  }

  /// Connects. Fails with what `Connection.connect` throws, or as `choice`.
  func connect(configuration: ConnectionConfiguration = .default) async throws -> Connection {
    try await connect { (address, eventLoopGroup) async throws(RPCError) in
      try await Connection.connect(
        host: address.host, port: address.port, eventLoopGroup: eventLoopGroup, configuration: configuration)
    }
  }

  /// Connects with `make`. Fails with what that throws, or as `choice`.
  func connect<Made: Sendable>(
    _ make: (ServerAddress, any EventLoopGroup) async throws(RPCError) -> Made
  ) async throws -> Made {
    let choice = try choice(environment: ProcessInfo.processInfo.environment)
    do throws(RPCError) {
      return try await make(choice.address, Self.eventLoopGroup)
    } catch {
      guard let context = choice.context else { throw error }
      throw RPCError(error.code, "\(error.message) (context '\(context)')", error: error.error)
    }
  }

  /// One thread is enough for one connection, and starts sooner than one per core. Ends with the process.
  private static let eventLoopGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  /// For calls that a broker answers as soon as it can.
  static let callOptions = CallOptions(timeout: .seconds(60))
}
