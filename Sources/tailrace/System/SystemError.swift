#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What the operating system answered to a call that failed.
struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// An errno value.
  let code: Int32

  /// The error of the call just made.
  static var last: SystemError { SystemError(code: errno) }

  /// Nobody reads the pipe any more.
  var isBrokenPipe: Bool { code == EPIPE }

  /// "no such file or directory".
  var description: String {
    guard let text = strerror(code) else { return "error \(code)" }
    let words = String(cString: text)
    return words.prefix(1).lowercased() + words.dropFirst()
  }
}
