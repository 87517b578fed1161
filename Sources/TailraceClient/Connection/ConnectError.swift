internal import NIOCore
internal import NIOPosix
package import TailraceWire

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// What goes wrong with connections, for a person.
package enum ConnectError {
  /// Why there is no connection.
  package static func failure(_ error: any Error, server: String) -> RPCError {
    if let error = error as? RPCError { return error }
    let hint = refusedBy(error) ? "; is the broker running?" : ""
    return RPCError(.unavailable, "cannot connect to \(server): \(words(error))\(hint)")
  }

  /// An error of the system or of the event loops: "connection refused".
  package static func words(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      if let first = error.connectionErrors.first { return words(first.error) }
      return "no such host"
    case let error as IOError:
      return systemText(error.errnoCode)
    case ChannelError.connectTimeout:
      return "no answer in time"
    case let error as RPCError:
      return error.message
    default:
      return "\(error)"
    }
  }
}

private func refusedBy(_ error: any Error) -> Bool {
  if let error = error as? NIOConnectionError { return error.connectionErrors.contains { refusedBy($0.error) } }
  return (error as? IOError)?.errnoCode == ECONNREFUSED
}

private func systemText(_ code: CInt) -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  guard strerror_r(code, &buffer, buffer.count) == 0 else { return "system error \(code)" }
  let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  guard let first = text.first else { return "system error \(code)" }
  return first.lowercased() + text.dropFirst()
}
