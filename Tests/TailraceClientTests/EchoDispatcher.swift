import Logging
import NIOCore
import Synchronization
import TailraceTransport
import TailraceWire

/// Echoes Ping, fails InitProducer, and parks the rest.
final class EchoDispatcher: RequestDispatcher {
  struct Parked: Sendable {
    let call: InboundCall
    let connection: any CallConnection
  }

  private let state = Mutex((parked: [Parked](), abandoned: [CallID](), most: 0))

  var parked: [Parked] { state.withLock { $0.parked } }
  var abandoned: [CallID] { state.withLock { $0.abandoned } }

  func dispatch(_ offers: [CallOffer]) {
    for offer in offers { dispatch(offer.calls, from: offer.connection) }
  }

  private func dispatch(_ calls: InboundCalls, from connection: any CallConnection) {
    while connection.acceptsCalls, let call = calls.popFirst() {
      switch call.method {
      case .adminServicePing:
        connection.respond(.message(call.message), to: call.id)
      case .logServiceInitProducer:
        connection.respond(.failure(RPCError(.notFound, "no producer", error: .unknownProducer)), to: call.id)
      default:
        state.withLock { $0.parked.append(Parked(call: call, connection: connection)) }
      }
    }
  }

  func abandon(_ call: CallID, from connection: any CallConnection) {
    state.withLock { $0.abandoned.append(call) }
  }

  func inputEnded(on connection: any CallConnection) {}

  func connectionClosed(_ connection: any CallConnection) {}
}

/// Runs `body` with a server on a free port, and stops it.
func withServer(
  _ dispatcher: some RequestDispatcher = EchoDispatcher(), limits: ConnectionLimits = .default,
  process: ProcessLimits = .default, _ body: (Server, Int) async throws -> Void
) async throws {
  let server = try await Server.bind(
    ServerConfiguration(port: 0, eventLoopCount: 1, connection: limits, process: process), dispatcher: dispatcher,
    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
  do {
    try await body(server, server.boundAddress.port ?? 0)
  } catch {
    await server.shutdown(grace: .zero)
    throw error
  }
  await server.shutdown(grace: .zero)
}
