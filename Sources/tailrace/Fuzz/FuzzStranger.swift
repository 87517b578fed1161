import NIOCore
import TailraceWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a stranger does to the broker.
enum StrangerKind: Int, CaseIterable, Sendable {
  case garbagePreface, http, otherDoors, wrongVersion, halfPreface, mutatedFrames, halfFrame, hugeLength
  case pipelinedGarbage, validExtremes, sameCallIDs, neverReading, silent, reset
}

/// A connection that does not behave: a blocking socket with short time-outs.
final class FuzzStranger {
  private let descriptor: Int32

  /// Nil where the kernel or the broker takes no connection.
  init?(port: UInt16, receiveBufferBytes: Int32? = nil) {
    #if canImport(Glibc)
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      descriptor = socket(AF_INET, Int32(SOCK_STREAM), 0)
    #endif
    guard descriptor >= 0 else { return nil }
    var timeout = timeval(tv_sec: 0, tv_usec: 200_000)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    if var size = receiveBufferBytes {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { return nil }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Sends what the kernel takes before the time-out.
  func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        systemSend(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  func shutDownOutput() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Makes the close a reset, with whatever is unread thrown away.
  func closeWithReset() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
  }

  /// Reads up to `maxBytes` for as long as something comes within `timeoutMs`. `isClosed`: at the end, or reset.
  func read(maxBytes: Int = 1 << 20, timeoutMs: Int32) -> (bytes: [UInt8], isClosed: Bool) {
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count < maxBytes {
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, timeoutMs) > 0 else { return (bytes, false) }
      let count = part.withUnsafeMutableBytes { systemReceive(descriptor, $0.baseAddress, $0.count, 0) }
      guard count > 0 else { return (bytes, true) }
      bytes += part[..<count]
    }
    return (bytes, false)
  }
}

// The C library's functions, which the methods of the same name hide.

private func systemSend(_ descriptor: Int32, _ memory: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
  send(descriptor, memory, count, flags)
}

private func systemReceive(_ descriptor: Int32, _ memory: UnsafeMutableRawPointer?, _ count: Int, _ flags: Int32) -> Int
{
  recv(descriptor, memory, count, flags)
}
