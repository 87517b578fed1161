import NIOCore
import TailraceWire
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A client's socket, blocking, with a time-out: what a forty-line client in any language would use.
final class RawSocket {
  enum Failure: Error {
    case system(String, CInt)
    case timedOut
    case ended
  }

  let descriptor: CInt
  private var received = ByteBuffer()
  private var decoder = FrameDecoder()

  /// - Parameter receiveBufferBytes: Of the kernel; small ones make a slow reader felt early.
  init(port: Int, receiveBufferBytes: Int? = nil) throws {
    descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw Failure.system("socket", errno) }
    var timeout = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    if var size = receiveBufferBytes.map({ CInt($0) }) {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
    }
    let address = try SocketAddress(ipAddress: "127.0.0.1", port: port)
    let result = address.withSockAddr { connect(descriptor, $0, socklen_t($1)) }
    guard result == 0 else { throw Failure.system("connect", errno) }
  }

  deinit { Self.close(descriptor) }

  private static func close(_ descriptor: CInt) {
    #if canImport(Glibc)
      _ = Glibc.close(descriptor)
    #else
      _ = Musl.close(descriptor)
    #endif
  }

  /// A socket that has exchanged prefaces.
  static func native(port: Int, receiveBufferBytes: Int? = nil) throws -> RawSocket {
    let socket = try RawSocket(port: port, receiveBufferBytes: receiveBufferBytes)
    var preface = ByteBuffer()
    ClientPreface().write(to: &preface)
    try socket.write(preface)
    var answer = try socket.read(exactly: Preface.byteCount)
    #expect(try ServerPreface(reading: &answer)?.majorVersion == 1)
    return socket
  }

  func write(_ bytes: ByteBuffer) throws {
    var bytes = bytes
    while bytes.readableBytes > 0 {
      let count = bytes.withUnsafeReadableBytes { send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
      guard count > 0 else { throw Failure.system("send", errno) }
      bytes.moveReaderIndex(forwardBy: count)
    }
  }

  /// Sends our end of the stream, and goes on reading.
  func shutDownOutput() {
    shutdown(descriptor, CInt(SHUT_WR))
  }

  /// Bytes of one read; nil at the end of the stream.
  private func read() throws -> ByteBuffer? {
    var bytes = ByteBuffer()
    let count = bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: 64 << 10) { memory in
      max(0, recv(descriptor, memory.baseAddress, memory.count, 0))
    }
    if count > 0 { return bytes }
    if errno == EAGAIN || errno == EWOULDBLOCK { throw Failure.timedOut }
    return nil
  }

  func read(exactly count: Int) throws -> ByteBuffer {
    while received.readableBytes < count {
      errno = 0
      guard let bytes = try read() else { throw Failure.ended }
      received.writeImmutableBuffer(bytes)
    }
    return received.readSlice(length: count) ?? ByteBuffer()
  }

  /// All bytes up to the end of the stream, or a reset.
  func readToEnd() throws -> ByteBuffer {
    var all = received
    received = ByteBuffer()
    errno = 0
    while let bytes = try read() {
      all.writeImmutableBuffer(bytes)
      errno = 0
    }
    return all
  }

  func nextAnswer() throws -> Answer {
    if received.readableBytes > 0 {
      decoder.receive(received)
      received = ByteBuffer()
    }
    while true {
      if let frame = try decoder.next() { return try Answer(frame) }
      errno = 0
      guard let bytes = try read() else { throw Failure.ended }
      decoder.receive(bytes)
    }
  }
}
