internal import NIOCore
internal import TailraceWire

/// A call as it comes to the connection's handler.
struct OutboundCall: Sendable {
  /// Ours to choose; the wire's call_id.
  let id: UInt64
  let method: RPCMethod
  let message: ByteBuffer
  /// What the message ends with, sent from where it lies; nil: nothing.
  let payload: ByteBuffer?
  let options: CallOptions
  /// When it was made: its time-out runs from here.
  let madeAt: NIODeadline
  let completion: @Sendable (Result<ByteBuffer, RPCError>) -> Void
  /// Of a call that is answered with a stream: called with each message, before `completion`, which gets none. Nil: the
  /// call has one answer.
  var onMessage: (@Sendable (ByteBuffer) -> Void)?
  /// Bytes of messages that are taken at first; more are granted with `Command.grant`.
  var credit: UInt64 = 0

  /// Bytes of the whole message.
  var messageBytes: Int { message.readableBytes + (payload?.readableBytes ?? 0) }

  /// As it goes into the header: at least 1 ms, since 0 means none.
  var timeoutMs: UInt32 {
    options.timeout.map { UInt32(clamping: max(1, $0.ms)) } ?? 0
  }
}

/// What other threads ask of the handler.
enum Command: Sendable {
  case call(OutboundCall)
  case cancel(UInt64)
  /// Takes so many bytes more of a call's messages.
  case grant(UInt64, bytes: UInt64)
  /// Close once every call is answered.
  case retire
}
