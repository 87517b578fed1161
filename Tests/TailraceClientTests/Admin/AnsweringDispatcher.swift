import NIOCore
import Synchronization
import TailraceWire

/// Answers every call as it is told to, at once, and counts them.
final class AnsweringDispatcher: RequestDispatcher {
  private let answer: @Sendable (RPCMethod, _ attempt: Int) -> Response
  private let calls = Mutex<[RPCMethod: Int]>([:])

  /// `answer` is told which call of the method it is, counted from 1.
  init(_ answer: @escaping @Sendable (RPCMethod, _ attempt: Int) -> Response) { self.answer = answer }

  /// How often a method was called.
  func count(of method: RPCMethod) -> Int { calls.withLock { $0[method, default: 0] } }

  func dispatch(_ offers: [CallOffer]) {
    for offer in offers {
      let connection = offer.connection
      while connection.acceptsCalls, let call = offer.calls.popFirst() {
        let attempt = calls.withLock { calls in
          calls[call.method, default: 0] += 1
          return calls[call.method, default: 0]
        }
        connection.respond(answer(call.method, attempt), to: call.id)
      }
    }
  }

  func abandon(_ call: CallID, from connection: any CallConnection) {}

  func inputEnded(on connection: any CallConnection) {}

  func connectionClosed(_ connection: any CallConnection) {}
}

/// An answer that is this message.
func answer(_ message: some WireMessage) -> Response {
  do { return .message(try message.encoded()) } catch { return .failure(RPCError(.internalError, "\(error)")) }
}
