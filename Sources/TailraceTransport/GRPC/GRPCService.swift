internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import TailraceWire

/// The services that every gRPC server is expected to have, which the door answers by itself: health, by gRPC's health
/// checking protocol (grpc/health/v1/health.proto), and server reflection, which tells generic tools the schemas.
enum GRPCService: Hashable, Sendable {
  case healthCheck
  case healthWatch
  /// v1 and v1alpha are the same but for the name.
  case reflection

  init?(_ name: String) {
    switch name {
    case "grpc.health.v1.Health/Check": self = .healthCheck
    case "grpc.health.v1.Health/Watch": self = .healthWatch
    case "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo":
      self = .reflection
    default: return nil
    }
  }

  var isServerStreaming: Bool { self != .healthCheck }

  /// Whether each request is answered as it comes.
  var takesManyRequests: Bool { self == .reflection }
}

/// HealthCheckResponse.ServingStatus.
private enum ServingStatus: UInt64 {
  case serving = 1
  case notServing = 2
  case serviceUnknown = 3

  var message: ByteBuffer {
    var bytes = ProtobufBytes()
    bytes.add(1, rawValue)
    return bytes.bytes
  }
}

extension GRPCConnectionHandler {
  /// Answers one of many requests.
  func serve(_ request: ByteBuffer, on id: HTTP2StreamID) {
    // An answer is many times its question: whoever reads none is not told more.
    guard hasRoom, (streams[id]?.unsentBytes ?? 0) < Self.streamOutputBytes else {
      return fail(
        id, RPCError(.resourceExhausted, "answers wait to be read; read them, then try again", error: .limitReached))
    }
    if case .additional(let call) = streams[id]?.target { return serve(request, of: call, on: id) }
    guard let answer = Reflection.door.answer(request) else {
      return fail(id, RPCError(.invalidArgument, "the request is no ServerReflectionRequest"))
    }
    send([.bytes(answer)], on: id)
  }

  /// The client has sent its last.
  func serveEnd(on id: HTTP2StreamID) {
    guard let stream = streams[id], case .here(let service) = stream.target else { return }
    if service == .reflection { return finish(id, GRPCTrailers.ok) }
    guard let request = stream.request, let name = serviceName(request) else {
      return fail(id, RPCError(.invalidArgument, "the request is no HealthCheckRequest"))
    }
    let isKnown = name.isEmpty || Reflection.door.services.contains(name)
    let status = !isKnown ? ServingStatus.serviceUnknown : isDraining ? .notServing : .serving
    if service == .healthWatch {
      send([.bytes(status.message)], on: id)
    } else if isKnown {
      send([.bytes(status.message)], on: id)
      finish(id, GRPCTrailers.ok)
    } else {
      end(id, RPCError(.notFound, "there is no service '\(name.prefix(100))'"))
    }
  }

  /// HealthCheckRequest: service = 1.
  private func serviceName(_ request: ByteBuffer) -> String? {
    var name = ""
    let isRead = request.forEachField { field, value in
      if field == 1, case .lengthDelimited(let reader) = value { name = String(decoding: reader.rest, as: UTF8.self) }
    }
    return isRead ? name : nil
  }

  /// Ends what only this side could: whoever watches is told that the server stops.
  func endOwnStreams() {
    for (id, stream) in streams {
      if case .additional = stream.target { end(id, .shuttingDown) }
      guard case .here(let service) = stream.target else { continue }
      if service == .healthWatch, stream.isInputEnded { send([.bytes(ServingStatus.notServing.message)], on: id) }
      if service == .reflection || stream.isInputEnded {
        end(id, .shuttingDown)
      }
    }
  }
}

extension RPCError {
  fileprivate static let shuttingDown = RPCError(
    .unavailable, "the server is shutting down; connect anew", error: .shuttingDown)
}
