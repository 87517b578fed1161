#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// How many files a process may have open.
enum OpenFileLimit {
  /// How many of them a store may keep open without need: a quarter, from 8 to 1024. The rest is for sockets, for files
  /// that are being written, and for those being sent.
  static var idleFiles: Int {
    var limit = rlimit()
    #if canImport(Glibc)
      let result = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    #else
      let result = getrlimit(RLIMIT_NOFILE, &limit)
    #endif
    guard result == 0 else { return idleFiles(ofLimit: 256) }
    return idleFiles(ofLimit: UInt64(limit.rlim_cur))
  }

  /// The same for a given limit.
  static func idleFiles(ofLimit limit: UInt64) -> Int { Int(min(max(limit / 4, 8), 1024)) }
}
