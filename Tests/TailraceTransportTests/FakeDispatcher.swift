import NIOCore
import Synchronization
import TailraceWire

/// Takes every call, or so many of each offer, while the connection accepts calls, and answers as `answer` says; nil parks the call.
final class FakeDispatcher: RequestDispatcher {
  struct Taken: Sendable {
    let call: InboundCall
    let connection: any CallConnection
  }

  struct State {
    var taken: [Taken] = []
    var abandoned: [CallID] = []
    var closed = 0
    /// How many calls had been taken each time that a peer sent nothing more.
    var inputEnds: [Int] = []
    /// How many calls each offer held.
    var offers: [Int] = []
    /// The same for each `dispatch`: of each connection that took part.
    var turns: [[Int]] = []
  }

  private let state = Mutex(State())
  private let answer: @Sendable (InboundCall) -> Response?
  private let mostTaken: Int

  init(mostTaken: Int = .max, _ answer: @escaping @Sendable (InboundCall) -> Response?) {
    self.mostTaken = mostTaken
    self.answer = answer
  }

  /// Echoes Ping, parks Fetch, and fails the rest.
  static func standard() -> FakeDispatcher {
    FakeDispatcher { call in
      switch call.method {
      case .adminServicePing: .message(call.message)
      case .logServiceFetch: nil
      default: .failure(.unimplemented(call.method))
      }
    }
  }

  var taken: [Taken] { state.withLock { $0.taken } }
  var abandoned: [CallID] { state.withLock { $0.abandoned } }
  var closed: Int { state.withLock { $0.closed } }
  var inputEnds: [Int] { state.withLock { $0.inputEnds } }
  var offers: [Int] { state.withLock { $0.offers } }
  var turns: [[Int]] { state.withLock { $0.turns } }

  func dispatch(_ offers: [CallOffer]) {
    let counts = offers.map(\.calls.count)
    state.withLock { $0.turns.append(counts) }
    for offer in offers { dispatch(offer.calls, from: offer.connection) }
  }

  private func dispatch(_ calls: InboundCalls, from connection: any CallConnection) {
    let count = calls.count
    state.withLock { $0.offers.append(count) }
    while connection.acceptsCalls, count - calls.count < mostTaken, let call = calls.popFirst() {
      state.withLock { $0.taken.append(Taken(call: call, connection: connection)) }
      if let response = answer(call) { connection.respond(response, to: call.id) }
    }
  }

  func abandon(_ call: CallID, from connection: any CallConnection) {
    state.withLock { $0.abandoned.append(call) }
  }

  func inputEnded(on connection: any CallConnection) { state.withLock { $0.inputEnds.append($0.taken.count) } }

  func connectionClosed(_ connection: any CallConnection) {
    state.withLock { $0.closed += 1 }
  }
}
