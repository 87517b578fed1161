#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The operating system said no.
package struct FileSystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The system call.
  package let call: String
  package let path: String
  /// `errno` as the call left it.
  package let code: Int32

  package init(call: String, path: String, code: Int32) {
    self.call = call
    self.path = path
    self.code = code
  }

  /// Whether space, or a quota, has run out: it may come back.
  package var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT }

  /// Whether descriptors or memory have run out: they may come back.
  package var isOutOfResources: Bool { code == EMFILE || code == ENFILE || code == ENOMEM }

  /// Whether a file or directory could not be opened for want of descriptors or memory: nothing has happened to it, and
  /// a later try may do. After an fsync the same code is final.
  package var isFailedOpenForResources: Bool { isOutOfResources && (call == Self.openCall || call == "opendir") }

  /// What stood at the path was replaced or removed by this process.
  static func retired(_ path: String) -> FileSystemError {
    FileSystemError(call: openCall, path: path, code: ENOENT)
  }

  /// What `call` says where a file or directory could not be opened.
  package static let openCall = "open"

  /// Whether this process has no right to it.
  package var isNotPermitted: Bool { code == EACCES || code == EPERM }

  /// Whether nothing stands at the path.
  package var isNotFound: Bool { code == ENOENT }

  package var description: String { "\(call) \(path): \(Self.name(of: code))" }

  private static func name(of code: Int32) -> String {
    switch code {
    case EACCES: "EACCES (permission denied)"
    case EBADF: "EBADF (not open)"
    case EBUSY: "EBUSY (in use)"
    case EDQUOT: "EDQUOT (quota used up)"
    case EEXIST: "EEXIST (exists already)"
    case EFBIG: "EFBIG (file too large)"
    case EINVAL: "EINVAL (invalid argument)"
    case EIO: "EIO (input/output error)"
    case EISDIR: "EISDIR (is a directory)"
    case EMFILE: "EMFILE (too many open files in this process)"
    case ENAMETOOLONG: "ENAMETOOLONG (name too long)"
    case ENFILE: "ENFILE (too many open files on this machine)"
    case ENODEV: "ENODEV (no such device)"
    case ENOENT: "ENOENT (not found)"
    case ENOMEM: "ENOMEM (no memory)"
    case ENOSPC: "ENOSPC (no space left)"
    case ENOTDIR: "ENOTDIR (not a directory)"
    case ENOTEMPTY: "ENOTEMPTY (directory not empty)"
    case EPERM: "EPERM (not permitted)"
    case EROFS: "EROFS (read-only file system)"
    default: "errno \(code)"
    }
  }
}

extension StorageError {
  /// Names what was being done, with the system's answer.
  package init(_ error: FileSystemError, while action: String) {
    self.init(
      error.isOutOfSpace || error.isOutOfResources ? .full : .inputOutput, "\(action): \(error)",
      isOutOfSpace: error.isOutOfSpace)
  }
}
