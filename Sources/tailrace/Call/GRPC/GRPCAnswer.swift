import NIOHPACK
import NIOHTTP2
import TailraceWire

/// Reads the headers and trailers of answers. Source: gRPC over HTTP/2, "Responses".
enum GRPCAnswer {
  /// Whether messages may be compressed with gzip. Fails where these are not the headers of a gRPC answer.
  static func isCompressed(_ head: HPACKHeaders) throws(RPCError) -> Bool {
    try check(head)
    switch head.first(name: "grpc-encoding") {
    case nil, "identity": return false
    case "gzip": return true
    case .some(let other):
      throw RPCError(.internalError, "the answer is compressed with '\(other.prefix(20))'; gzip is what is read here")
    }
  }

  /// How the call ended: nil is OK. `isOnly`: there were no headers before, so that these have to be those of gRPC.
  static func failure(_ trailers: HPACKHeaders, isOnly: Bool) -> RPCError? {
    guard let text = trailers.first(name: "grpc-status") else {
      do throws(RPCError) { if isOnly { try check(trailers) } } catch { return error }
      return RPCError(.internalError, "the answer ends without a grpc-status")
    }
    guard let number = Int32(text), number >= 0 else {
      return RPCError(.unknown, "the answer's grpc-status is '\(text.prefix(20))', which is no number")
    }
    guard number != 0 else { return nil }
    let message = percentDecoded(trailers.first(name: "grpc-message") ?? "")
    let details = trailers.first(name: GRPCStatusDetails.key).flatMap { GRPCStatusDetails(base64: $0) }
    return RPCError(
      StatusCode(rawValue: number) ?? .unknown, message.isEmpty ? "the server gives no reason" : message,
      error: details?.error ?? .unspecified)
  }

  /// What is the server's own: neither HTTP's nor gRPC's, but for the details of a failure.
  static func metadata(_ headers: HPACKHeaders) -> [Metadata] {
    headers.compactMap { name, value, _ in isReserved(name) ? nil : Metadata(key: name, value: value) }
  }

  private static func isReserved(_ name: String) -> Bool {
    guard name != GRPCStatusDetails.key else { return false }
    return name.first == ":" || name.hasPrefix("grpc-") || name == "content-type"
  }

  private static func check(_ head: HPACKHeaders) throws(RPCError) {
    let status = head.first(name: ":status") ?? ""
    guard status == "200" else {
      throw RPCError(code(httpStatus: status), "the server answers with HTTP status \(status.prefix(3)), not with gRPC")
    }
    let type = head.first(name: "content-type") ?? ""
    guard type.lowercased().hasPrefix("application/grpc") else {
      throw RPCError(.unknown, "the server answers with the content-type '\(type.prefix(60))', which is not gRPC's")
    }
  }

  /// Source: doc/http-grpc-status-mapping.md of gRPC.
  private static func code(httpStatus: String) -> StatusCode {
    switch httpStatus {
    case "400": .internalError
    case "401": .unauthenticated
    case "403": .permissionDenied
    case "404": .unimplemented
    case "429", "502", "503", "504": .unavailable
    default: .unknown
    }
  }

  /// What a server says with RST_STREAM. Source: gRPC over HTTP/2, "Errors".
  static func code(_ code: HTTP2ErrorCode) -> StatusCode {
    switch code {
    case .refusedStream: .unavailable
    case .cancel: .cancelled
    case .enhanceYourCalm: .resourceExhausted
    case .inadequateSecurity: .permissionDenied
    default: .internalError
    }
  }

  /// The inverse of `grpc-message`'s encoding. What is no %XX stays as it is, as the specification asks for.
  static func percentDecoded(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var decoded: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count, let high = hexValue(bytes[index + 1]),
        let low = hexValue(bytes[index + 2])
      {
        decoded.append(high << 4 | low)
        index += 3
      } else {
        decoded.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: decoded, as: UTF8.self)
  }

  private static func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
