package import NIOCore

/// Where transport and broker meet: the transport hands calls over, the broker answers them.
///
/// All methods are called on the connection's event loop and must not block it.
package protocol RequestDispatcher: Sendable {
  /// Takes calls from the front of each offer, in order, while its connection's `acceptsCalls` holds. `offers` holds what
  /// came on one event loop in one turn: one offer for each connection that has calls. The transport offers what is left
  /// again once the connection accepts calls anew, after each answer, and when it is told to (`offerAgain`).
  ///
  /// Every call taken is answered exactly once, now or later, through its connection's `respond`.
  func dispatch(_ offers: [CallOffer])

  /// The peer takes more of the messages of a call that streams: see `CallConnection.credit`.
  func creditGranted(to call: CallID, on connection: any CallConnection)

  /// Nobody waits for the answer to this call any more: it was cancelled, timed out, or its connection is gone.
  /// Parked work is to be released; an answer given all the same is dropped.
  func abandon(_ call: CallID, from connection: any CallConnection)

  /// The peer sends nothing more. It may wait for its answers, but most likely it is gone, which only a write can tell:
  /// so calls that wait for something are to be answered now, with what there is.
  func inputEnded(on connection: any CallConnection)

  /// The connection is closed. All its calls are abandoned without further notice.
  func connectionClosed(_ connection: any CallConnection)
}

extension RequestDispatcher {
  package func creditGranted(to call: CallID, on connection: any CallConnection) {}
}

/// The calls of one connection, to be taken.
package struct CallOffer: Sendable {
  package let connection: any CallConnection
  /// The connection's own queue.
  package let calls: InboundCalls

  package init(connection: any CallConnection, calls: InboundCalls) {
    self.connection = connection
    self.calls = calls
  }
}

/// A connection as the broker sees it. Thread-safe unless a member says otherwise.
package protocol CallConnection: AnyObject, Sendable {
  var eventLoop: any EventLoop { get }

  /// The peer's address, for logs: "127.0.0.1:51822". Event loop only.
  var peer: String { get }

  /// Which door the connection came through: defaults of a few limits differ.
  var door: Door { get }

  /// Whether unsent output is below its limits, of the connection and of the process. Event loop only.
  var acceptsCalls: Bool { get }

  /// Answers a call. On the event loop this writes into the connection's output at once, elsewhere it hops there.
  /// Dropped where the call is not in flight (any more).
  func respond(_ response: Response, to call: CallID)

  /// The answer to a call will soon come from another thread, for it waits for the disk. Whoever says so makes it come a
  /// little sooner. Event loop only.
  func expectAnswer()

  /// Takes one of the few places that the turn under way on the connection's event loop has for answers to what others have
  /// brought. False on other threads, where there is no turn, and where there is no place: then the answer is to be
  /// found in a task of the loop.
  func takePlaceInTurn() -> Bool

  /// Sends one of the messages of a call that streams; `respond` ends it, with `.end` where all is said. Event loop only.
  func send(_ message: Response, to call: CallID)

  /// Bytes of messages that the peer of a call that streams takes at the moment; not above 0: none. Once that changes, the
  /// dispatcher is told (`creditGranted`). Event loop only.
  func credit(of call: CallID) -> Int

  /// Whether the call is neither answered nor given up. Event loop only.
  func isInFlight(_ call: CallID) -> Bool

  /// Has calls that were left be offered again: whoever left them for a reason of its own says that it is gone.
  func offerAgain()

  /// Charges the process's memory with what a call keeps after it was taken, until it is executed. False where there is
  /// none left: nothing is charged then, and the call is to be refused.
  func hold(_ byteCount: Int) -> Bool

  /// Gives back what was held.
  func release(_ byteCount: Int)
}

extension CallConnection {
  package func expectAnswer() {}
  package func takePlaceInTurn() -> Bool { false }
}
