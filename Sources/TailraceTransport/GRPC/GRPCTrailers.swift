internal import NIOCore
internal import NIOHPACK
internal import TailraceWire

/// How a call's end is told: the trailers of its stream, or, where nothing was sent before, its only headers.
enum GRPCTrailers {
  /// Clients take 8 KiB of headers in all.
  private static let maxMessageBytes = 2 << 10

  /// The headers that every answer begins with.
  static func head(gzip isCompressed: Bool) -> HPACKHeaders {
    var headers: HPACKHeaders = [
      ":status": "200", "content-type": "application/grpc", "grpc-accept-encoding": "identity,gzip",
    ]
    if isCompressed { headers.add(name: "grpc-encoding", value: "gzip") }
    return headers
  }

  static let ok: HPACKHeaders = ["grpc-status": "0"]

  /// Adds why a call failed. Beside the status, its text goes into `grpc-message`, and all of it, the `ErrorCode` too,
  /// into `grpc-status-details-bin`: a google.rpc.Status whose one detail is the tailrace.v1.Status of the native door.
  static func add(_ error: RPCError, to headers: inout HPACKHeaders) {
    let text = cut(error.message)
    headers.add(name: "grpc-status", value: "\(error.code.rawValue)")
    headers.add(name: "grpc-message", value: percentEncoded(text))
    if let details = details(RPCError(error.code, text, error: error.error)) {
      headers.add(name: "grpc-status-details-bin", value: details)
    }
  }

  private static func cut(_ message: String) -> String {
    guard message.utf8.count > maxMessageBytes else { return message }
    return String(decoding: message.utf8.prefix(maxMessageBytes), as: UTF8.self)
  }

  /// Space and the printable ASCII characters but '%' as they are, all else as %XX for each byte of UTF-8.
  static func percentEncoded(_ text: String) -> String {
    guard text.utf8.contains(where: { !isPlain($0) }) else { return text }
    var encoded: [UInt8] = []
    for byte in text.utf8 {
      if isPlain(byte) {
        encoded.append(byte)
      } else {
        encoded += [UInt8(ascii: "%"), hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  private static func isPlain(_ byte: UInt8) -> Bool { (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "%") }

  private static let hexDigits = Array("0123456789ABCDEF".utf8)

  /// A google.rpc.Status: code = 1, message = 2, details = 3 (google.protobuf.Any: type_url = 1, value = 2). Without the
  /// padding of base64, as gRPC asks for.
  private static func details(_ error: RPCError) -> String? {
    guard let status = try? error.status.encoded() else { return nil }
    var any = ProtobufBytes()
    any.add(1, "type.googleapis.com/tailrace.v1.Status")
    any.add(2, status)
    var outer = ProtobufBytes()
    outer.add(1, UInt64(error.code.rawValue))
    outer.add(2, error.message)
    outer.add(3, any.bytes)
    return Base64.encoded(outer.bytes, isPadded: false)
  }
}
