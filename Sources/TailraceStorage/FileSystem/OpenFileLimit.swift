#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// How many files a process may have open.
enum OpenFileLimit {
  /// How many of them a store may keep open without need: an eighth, from 8 to 1024. The rest is for sockets, for files
  /// that are being written, and for those being sent.
  static var idleFiles: Int { idleFiles(ofLimit: current) }

  /// How many it may keep open because of what is not on disk yet: half of them.
  static var pinnedFiles: Int { pinnedFiles(ofLimit: current) }

  private static var current: UInt64 {
    var limit = rlimit()
    #if canImport(Glibc)
      let result = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    #else
      let result = getrlimit(RLIMIT_NOFILE, &limit)
    #endif
    return result == 0 ? UInt64(limit.rlim_cur) : 256
  }

  /// The same for a given limit.
  static func idleFiles(ofLimit limit: UInt64) -> Int { Int(min(max(limit / 8, 8), 1024)) }

  static func pinnedFiles(ofLimit limit: UInt64) -> Int { Int(min(max(limit / 2, 8), 1 << 20)) }
}
