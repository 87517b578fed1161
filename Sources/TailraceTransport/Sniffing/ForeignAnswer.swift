internal import NIOCore

/// What is said to peers that speak a protocol which this release has no door for, in that protocol.
enum ForeignAnswer {
  /// HTTP/1.1.
  static var notFound: ByteBuffer {
    let text =
      "This is a Tailrace broker's port: it speaks Tailrace's own protocol, not HTTP/1.1. The section 'The protocol in a"
      + " page' of the README has it, with a complete client.\nTry the command-line tool: tailrace topic list\n"
    return ByteBuffer(
      string: "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + "Content-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n" + text)
  }

  /// HTTP/2: the SETTINGS frame that a server has to begin with, with nothing in it, and a GOAWAY frame with error
  /// PROTOCOL_ERROR before any stream. gRPC clients report `reason`, its debug data, as a call's failure.
  static func goAway(_ reason: String) -> ByteBuffer {
    let settings: UInt8 = 4
    let goAway: UInt8 = 7
    let protocolError: UInt32 = 1
    var bytes = ByteBuffer()
    // A frame: length (3 bytes), type, flags, stream (4 bytes).
    bytes.writeMultipleIntegers(0 as UInt16, 0 as UInt8, settings, 0 as UInt8, 0 as UInt32)
    let count = UInt32(8 + reason.utf8.count)
    bytes.writeMultipleIntegers(
      UInt16(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count), goAway, 0 as UInt8, 0 as UInt32)
    // The last stream that was looked at: none.
    bytes.writeMultipleIntegers(0 as UInt32, protocolError)
    bytes.writeString(reason)
    return bytes
  }

  /// TLS, any version: a record of type alert (21), of version 3.1 as in a first record, with 2 bytes: fatal (2),
  /// handshake_failure (40).
  static var handshakeFailure: ByteBuffer { ByteBuffer(bytes: [21, 3, 1, 0, 2, 2, 40]) }
}
