internal import NIOCore

/// What a peer speaks, judged by the first four bytes that it sends.
enum WireProtocol: Hashable, Sendable {
  /// `TRPC`: native frames.
  case native
  /// `PRI `: HTTP/2 without TLS, as gRPC clients speak it.
  case http2
  /// `16 03`: a TLS handshake.
  case tls
  /// A method of HTTP/1.1.
  case http1
  case unknown

  /// nil while there are fewer than four bytes.
  init?(_ bytes: ByteBuffer) {
    guard let word = bytes.getInteger(at: bytes.readerIndex, as: UInt32.self) else { return nil }
    switch word {
    case 0x5452_5043: self = .native
    case 0x5052_4920: self = .http2
    case 0x1603_0000...0x1603_FFFF: self = .tls
    // GET , POST, HEAD, PUT , DELE, OPTI, PATC, TRAC, CONN
    case 0x4745_5420, 0x504F_5354, 0x4845_4144, 0x5055_5420, 0x4445_4C45, 0x4F50_5449, 0x5041_5443, 0x5452_4143,
      0x434F_4E4E:
      self = .http1
    default: self = .unknown
    }
  }
}
