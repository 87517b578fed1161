package import NIOCore
internal import NIOHTTP2
package import TailraceWire

/// Services that the gRPC door serves beside the broker's. The product has none: tests bring gRPC's own test service.
///
/// Isolation: called on the connection's event loop, which must not be blocked.
package protocol AdditionalServices: Sendable {
  /// Begins a call of `method`, such as "grpc.testing.TestService/UnaryCall"; nil where there is none of that name.
  func begin(_ method: String, metadata: [Metadata]) -> (any AdditionalCall)?
}

/// A call of such a service, which answers each request as it comes. Event loop only; dropped once the call is over.
package protocol AdditionalCall: AnyObject {
  /// Goes with the first answer, and with the end. As in HTTP/2's headers: keys in lower case, those that end in "-bin"
  /// with values in base64.
  var initialMetadata: [Metadata] { get }
  var trailingMetadata: [Metadata] { get }

  /// The serialised answers to a request, of which there may be none. The call ends with the error that is thrown.
  func receive(_ request: ByteBuffer) throws(RPCError) -> [ByteBuffer]

  /// What is left to answer once the client has sent its last. The call ends with OK, or the error that is thrown.
  func finish() throws(RPCError) -> [ByteBuffer]
}

extension GRPCConnectionHandler {
  /// Answers a request of an additional service's call, or, nil, that there are no more.
  func serve(_ request: ByteBuffer?, of call: any AdditionalCall, on id: HTTP2StreamID) {
    do throws(RPCError) {
      let answers = if let request { try call.receive(request) } else { try call.finish() }
      for answer in answers { send([.bytes(answer)], on: id) }
      guard request == nil else { return }
      writeHead(id)
      finish(id, GRPCTrailers.ok)
    } catch {
      end(id, error)
    }
  }
}

extension GRPCStream {
  /// What an additional service's call sends beside its answers.
  var initialMetadata: [Metadata] { if case .additional(let call) = target { call.initialMetadata } else { [] } }
  var trailingMetadata: [Metadata] { if case .additional(let call) = target { call.trailingMetadata } else { [] } }
}
