#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// A free port of the IPv4 loopback address, which nobody else is given as long as this object lives. Whoever knows it
/// can listen on it, with SO_REUSEADDR, again and again.
///
/// Its socket is bound and never listens: so the kernel does not pick the port for others, and connecting to it is
/// refused while its user does not listen.
final class ReservedPort: Sendable {
  let port: Int
  private let descriptor: CInt

  /// Throws where there is none.
  init() throws {
    let socket = try Self.openSocket()
    guard let port = Self.bindToFreePort(socket) else {
      let code = errno
      close(socket)
      throw NoPort(code: code)
    }
    descriptor = socket
    self.port = port
  }

  private static func openSocket() throws -> CInt {
    #if canImport(Glibc)
      let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    #else
      let kind = CInt(SOCK_STREAM | SOCK_CLOEXEC)
    #endif
    let descriptor = socket(AF_INET, kind, 0)
    guard descriptor >= 0 else { throw NoPort(code: errno) }
    return descriptor
  }

  private static func bindToFreePort(_ descriptor: CInt) -> Int? {
    var yes: CInt = 1
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    guard setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size)) == 0 else {
      return nil
    }
    let failed = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, length) != 0 || getsockname(descriptor, address, &length) != 0
      }
    }
    return failed ? nil : Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { close(descriptor) }
}

/// No port of the loopback address is free, or there may be no more sockets. `code`: the system's.
struct NoPort: Error {
  let code: CInt
}
