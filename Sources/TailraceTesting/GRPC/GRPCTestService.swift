internal import NIOCore
package import TailraceTransport
package import TailraceWire

/// gRPC's own test service, which its clients' interoperability is tested with: grpc.testing.TestService, as gRPC's
/// interop-test-descriptions.md has it. Its schema, as far as it is needed: scripts/grpc_tests/test_service.proto.
///
/// Left out: compression asked for by the request, authentication, and `interval_us`.
package struct GRPCTestService: AdditionalServices {
  package init() {}

  package func begin(_ method: String, metadata: [Metadata]) -> (any AdditionalCall)? {
    let service = "grpc.testing.TestService/"
    guard method.hasPrefix(service), let method = Call.Method(rawValue: String(method.dropFirst(service.utf8.count)))
    else { return nil }
    return Call(method, metadata)
  }
}

/// Isolation: its connection's event loop.
private final class Call: AdditionalCall {
  enum Method: String {
    case emptyCall = "EmptyCall"
    case unaryCall = "UnaryCall"
    case streamingOutputCall = "StreamingOutputCall"
    case streamingInputCall = "StreamingInputCall"
    case fullDuplexCall = "FullDuplexCall"
  }

  let initialMetadata: [Metadata]
  let trailingMetadata: [Metadata]
  private let method: Method
  private var receivedBytes = 0

  /// Metadata of these keys is sent back.
  init(_ method: Method, _ metadata: [Metadata]) {
    self.method = method
    initialMetadata = metadata.filter { $0.key == "x-grpc-test-echo-initial" }
    trailingMetadata = metadata.filter { $0.key == "x-grpc-test-echo-trailing-bin" }
  }

  func receive(_ request: ByteBuffer) throws(RPCError) -> [ByteBuffer] {
    switch method {
    case .emptyCall:
      return [ByteBuffer()]
    case .streamingInputCall:
      receivedBytes += try StreamingInputRequest(request).payloadBytes
      return []
    case .unaryCall, .streamingOutputCall, .fullDuplexCall:
      let request = try OutputRequest(request, isSimple: method == .unaryCall)
      if let status = request.status { throw status }
      return request.sizes.map(Self.response)
    }
  }

  func finish() throws(RPCError) -> [ByteBuffer] {
    guard method == .streamingInputCall else { return [] }
    // StreamingInputCallResponse: aggregated_payload_size = 1.
    var response = ProtobufBytes()
    response.add(1, UInt64(receivedBytes))
    return [response.bytes]
  }

  /// SimpleResponse and StreamingOutputCallResponse: payload = 1, a Payload: body = 2.
  private static func response(_ size: Int) -> ByteBuffer {
    var payload = ProtobufBytes()
    payload.add(2, ByteBuffer(repeating: 0, count: size))
    var response = ProtobufBytes()
    response.add(1, payload.bytes)
    return response.bytes
  }
}

/// StreamingInputCallRequest: payload = 1, a Payload: body = 2.
private struct StreamingInputRequest {
  private(set) var payloadBytes = 0

  init(_ message: ByteBuffer) throws(RPCError) {
    for payload in try message.messages(1) {
      for body in try payload.messages(2) { payloadBytes += body.readableBytes }
    }
  }
}

/// SimpleRequest: response_size = 2, response_status = 7. StreamingOutputCallRequest: response_parameters = 2, of which
/// each has its size = 1, and response_status = 7.
private struct OutputRequest {
  private(set) var sizes: [Int] = []
  private(set) var status: RPCError?

  init(_ message: ByteBuffer, isSimple: Bool) throws(RPCError) {
    if isSimple {
      sizes = [try message.integer(2)]
    } else {
      for parameters in try message.messages(2) { sizes.append(try parameters.integer(1)) }
    }
    guard sizes.allSatisfy({ (0...maxResponseBytes).contains($0) }) else {
      throw RPCError(.invalidArgument, "a response of more than \(maxResponseBytes) bytes, or fewer than none")
    }
    // EchoStatus: code = 1, message = 2.
    guard let echo = try message.messages(7).last else { return }
    let text = try echo.messages(2).last.map { String(buffer: $0) } ?? ""
    status = RPCError(StatusCode(rawValue: Int32(clamping: try echo.integer(1))) ?? .unknown, text)
  }
}

private let maxResponseBytes = 4 << 20

extension ByteBuffer {
  /// The last value of a field; 0 without one.
  fileprivate func integer(_ field: UInt32) throws(RPCError) -> Int {
    var found = 0
    try readFields { number, value in
      if number == field, case .varint(let value) = value { found = Int(truncatingIfNeeded: value) }
    }
    return found
  }

  /// What all fields of this number hold.
  fileprivate func messages(_ field: UInt32) throws(RPCError) -> [ByteBuffer] {
    var found: [ByteBuffer] = []
    try readFields { number, value in
      if number == field, case .lengthDelimited(let reader) = value { found.append(ByteBuffer(bytes: reader.rest)) }
    }
    return found
  }

  private func readFields(_ body: (UInt32, WireValue) -> Void) throws(RPCError) {
    guard forEachField(body) else { throw RPCError(.invalidArgument, "the request is no protobuf message") }
  }
}
