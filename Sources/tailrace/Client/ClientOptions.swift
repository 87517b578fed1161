import ArgumentParser
import Foundation
import NIOPosix
import TailraceClient
import TailraceWire

/// What every command takes that talks to a broker.
struct ClientOptions: ParsableArguments {
  static let environmentVariable = "TAILRACE_SERVER"

  @Option(
    help: ArgumentHelp(
      "The broker's address; an IPv6 address in brackets. (default: $TAILRACE_SERVER, else 127.0.0.1:7171)",
      valueName: "host:port"))
  var server: ServerAddress?

  func validate() throws {
    _ = try address(environment: ProcessInfo.processInfo.environment)
  }

  /// The option, else the environment's value, else the standard address.
  func address(environment: [String: String]) throws -> ServerAddress {
    if let server { return server }
    guard let text = environment[Self.environmentVariable], !text.isEmpty else { return .standard }
    guard let address = ServerAddress(text) else {
      throw ValidationError(
        "\(Self.environmentVariable) is '\(text)', which is not HOST:PORT, such as 127.0.0.1:7171 or [::1]:7171")
    }
    return address
  }

  /// Connects. Fails with what `Connection.connect` throws, or ValidationError.
  func connect() async throws -> Connection {
    let address = try address(environment: ProcessInfo.processInfo.environment)
    return try await Connection.connect(host: address.host, port: address.port, eventLoopGroup: Self.eventLoopGroup)
  }

  /// One thread is enough for one connection, and starts sooner than one per core. Ends with the process.
  private static let eventLoopGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  /// For calls that a broker answers as soon as it can.
  static let callOptions = CallOptions(timeout: .seconds(60))
}
