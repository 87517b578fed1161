package import DequeModule
package import NIOCore

/// Where transport and broker meet: the transport hands calls over, the broker answers them.
///
/// All methods are called on the connection's event loop and must not block it.
package protocol RequestDispatcher: Sendable {
  /// Takes calls from the front of `calls`, in order, while `connection.acceptsCalls` holds. The transport offers what is
  /// left again once the connection accepts calls anew, and after each answer. `calls` holds all whole frames of one
  /// read.
  ///
  /// Every call taken is answered exactly once, now or later, through `connection.respond`.
  func dispatch(_ calls: inout Deque<InboundCall>, from connection: any CallConnection)

  /// Nobody waits for the answer to this call any more: it was cancelled, timed out, or its connection is gone.
  /// Parked work is to be released; an answer given all the same is dropped.
  func abandon(_ call: CallID, from connection: any CallConnection)

  /// The peer sends nothing more. It may wait for its answers, but most likely it is gone, which only a write can tell:
  /// so calls that wait for something are to be answered now, with what there is.
  func inputEnded(on connection: any CallConnection)

  /// The connection is closed. All its calls are abandoned without further notice.
  func connectionClosed(_ connection: any CallConnection)
}

/// A connection as the broker sees it. Thread-safe unless a member says otherwise.
package protocol CallConnection: AnyObject, Sendable {
  var eventLoop: any EventLoop { get }

  /// Whether unsent output is below its limits, of the connection and of the process. Event loop only.
  var acceptsCalls: Bool { get }

  /// Answers a call. On the event loop this writes into the connection's output at once, elsewhere it hops there.
  /// Dropped where the call is not in flight (any more).
  func respond(_ response: Response, to call: CallID)

  /// Charges the process's memory with what a call keeps after it was taken, until it is executed. False where there is
  /// none left: nothing is charged then, and the call is to be refused.
  func hold(_ byteCount: Int) -> Bool

  /// Gives back what was held.
  func release(_ byteCount: Int)
}
