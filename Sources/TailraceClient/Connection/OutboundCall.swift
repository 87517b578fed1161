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

  /// Bytes of the whole message.
  var messageBytes: Int { message.readableBytes + (payload?.readableBytes ?? 0) }

  /// As it goes into the header: at least 1 ms, since 0 means none.
  var timeoutMs: UInt32 {
    guard let timeout = options.timeout else { return 0 }
    let (seconds, attoseconds) = timeout.components
    let (ms, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    if overflow { return UInt32.max }
    return UInt32(clamping: max(1, ms.addingReportingOverflow(attoseconds / 1_000_000_000_000_000).partialValue))
  }
}

/// What other threads ask of the handler.
enum Command: Sendable {
  case call(OutboundCall)
  case cancel(UInt64)
  /// Close once every call is answered.
  case retire
}
