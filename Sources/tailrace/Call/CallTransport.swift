import TailraceClient
import TailraceWire

/// A connection that calls are made over, whatever it speaks.
protocol CallTransport: RPCCaller {
  /// Who is at the other end: "127.0.0.1:7171".
  var server: String { get }
}

extension Connection: CallTransport {}

/// What to speak to a server.
enum CallDoor {
  case native
  /// `compresses`: whether requests are compressed with gzip, which servers take for the wish that answers are too.
  case grpc(compresses: Bool)

  /// Connects. Fails as `ClientOptions.connect`.
  func connect(_ client: ClientOptions) async throws -> any CallTransport {
    switch self {
    case .native: try await client.connect()
    case .grpc(let compresses):
      try await client.connect { (address, eventLoopGroup) async throws(RPCError) in
        try await GRPCConnection.connect(to: address, eventLoopGroup: eventLoopGroup, compressesRequests: compresses)
      }
    }
  }
}
