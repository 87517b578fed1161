internal import NIOCore
internal import TailraceWire

/// Answers AdminService/Ping, on the connection's event loop. Request and response have the same form, so that the bytes
/// of a checked request are the response.
enum PingHandler {
  static let maxPayloadBytes = 65_536

  static func answer(_ call: InboundCall) -> Response {
    if call.message.readableBytes == 0 { return .short(ShortMessage()) }
    do throws(RPCError) {
      guard call.message.readableBytes <= maxPayloadBytes + 64 else {
        throw RPCError(
          .invalidArgument,
          "a message of \(call.message.readableBytes) bytes; a payload of at most \(maxPayloadBytes) is allowed")
      }
      let request = try call.decoded(as: PingRequest.self)
      guard request.payload.readableBytes <= maxPayloadBytes else {
        throw RPCError(
          .invalidArgument, "payload: \(request.payload.readableBytes) bytes; at most \(maxPayloadBytes) are allowed")
      }
      return Response(PingResponse(payload: request.payload))
    } catch { return .failure(error) }
  }
}
