import NIOCore
import NIOHTTP2
import TailraceTransport
import TailraceWire

/// A call from its request to its trailers.
///
/// Isolation: the connection's event loop, but for what never changes. `@unchecked Sendable`: the rest is touched there
/// only.
final class GRPCClientCall: @unchecked Sendable {
  /// What comes of a call: messages, then one end.
  enum Event: Sendable {
    case message(ByteBuffer)
    case end(RPCError?)
  }

  let method: RPCMethod
  let request: ByteBuffer
  let options: CallOptions
  /// When it was made: its time-out runs from here.
  let madeAt: NIODeadline
  private let onEvent: @Sendable (Event) -> Void

  // Event loop only, from here on.
  /// Nil before it was sent.
  var stream: HTTP2StreamID?
  /// Nil before the headers of the answer came.
  var assembler: GRPCMessageAssembler?
  /// Bytes that the server may send before it is told that there is room for more.
  var windowBytes = GRPCClientWindows.streamBytes
  /// Bytes of messages that were handed over, and that nobody has consumed yet.
  var unconsumedBytes = 0
  var timer: Scheduled<Void>?
  private(set) var isOver = false

  init(
    _ method: RPCMethod, _ request: ByteBuffer, _ options: CallOptions, madeAt: NIODeadline,
    onEvent: @escaping @Sendable (Event) -> Void
  ) {
    (self.method, self.request, self.options, self.madeAt) = (method, request, options, madeAt)
    self.onEvent = onEvent
  }

  /// Takes what a DATA frame brought, and hands over the messages that are whole. Fails as the assembler does.
  func receive(_ bytes: ByteBuffer) throws(RPCError) {
    assembler?.receive(bytes)
    while let message = try assembler?.next() {
      unconsumedBytes += message.readableBytes
      onEvent(.message(message))
    }
    assembler?.compact()
  }

  /// Ends it, unless it has ended. Nil: with success.
  func end(_ failure: RPCError?) {
    guard !isOver else { return }
    isOver = true
    timer?.cancel()
    timer = nil
    onEvent(.end(failure))
  }

  /// How much the window is to grow by; nil: not yet. Messages that nobody has consumed count as if they were on the way.
  func windowIncrement() -> Int? {
    let missing = GRPCClientWindows.streamBytes - windowBytes - unconsumedBytes
    return missing >= GRPCClientWindows.streamBytes / 2 ? missing : nil
  }
}

/// How much a server may send before this side has made room for more.
enum GRPCClientWindows {
  /// For each call, in bytes.
  static let streamBytes = 1 << 20
  /// For all calls of a connection.
  static let connectionBytes = 8 << 20
  /// What HTTP/2 begins with.
  static let firstConnectionBytes = 65_535
}
