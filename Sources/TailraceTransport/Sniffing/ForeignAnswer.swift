internal import NIOCore

/// What is said to peers that speak a protocol which this release has no door for, so that they understand it.
enum ForeignAnswer {
  /// HTTP/1.1.
  static var notFound: ByteBuffer {
    http1(
      "404 Not Found",
      "This is a Tailrace broker's port: it speaks Tailrace's own protocol, not HTTP/1.1. The section 'The protocol in a"
        + " page' of the README has it, with a complete client.\nTry the command-line tool: tailrace topic list\n")
  }

  /// TLS, any version: a record of type alert (21), of version 3.1 as in a first record, with 2 bytes: fatal (2),
  /// handshake_failure (40).
  static var handshakeFailure: ByteBuffer { ByteBuffer(bytes: [21, 3, 1, 0, 2, 2, 40]) }

  private static func http1(_ status: String, _ text: String) -> ByteBuffer {
    ByteBuffer(
      string: "HTTP/1.1 \(status)\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + "Content-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n" + text)
  }
}
