#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The machine's own file system.
package struct RealFileSystem: FileSystem {
  package init() {}

  package func open(_ path: String, _ mode: FileMode) throws(FileSystemError) -> any File {
    let flags: CInt =
      switch mode {
      case .read: O_RDONLY
      case .readWrite: O_RDWR
      case .createNew: O_RDWR | O_CREAT | O_EXCL
      case .replace: O_RDWR | O_CREAT | O_TRUNC
      }
    return RealFile(path: path, descriptor: try openDescriptor(path, flags))
  }

  package func createDirectory(_ path: String) throws(FileSystemError) -> Bool {
    guard mkdir(path, 0o755) != 0 else { return true }
    let code = errno
    guard code == EEXIST, try isDirectory(path) else {
      throw FileSystemError(call: "mkdir", path: path, code: code)
    }
    return false
  }

  /// Also where `path` is a link to one: an operator may have put a directory elsewhere.
  private func isDirectory(_ path: String) throws(FileSystemError) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { throw FileSystemError(call: "stat", path: path, code: errno) }
    return status.st_mode & S_IFMT == S_IFDIR
  }

  package func list(_ path: String) throws(FileSystemError) -> [String] {
    guard let directory = opendir(path) else { throw FileSystemError(call: "opendir", path: path, code: errno) }
    defer { closedir(directory) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(directory) else {
        guard errno == 0 else { throw FileSystemError(call: "readdir", path: path, code: errno) }
        return names.sorted()
      }
      let capacity = MemoryLayout.size(ofValue: entry.pointee.d_name)
      let name = withUnsafePointer(to: &entry.pointee.d_name) { start in
        start.withMemoryRebound(to: CChar.self, capacity: capacity) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
  }

  package func status(_ path: String) throws(FileSystemError) -> FileStatus? {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      let code = errno
      if code == ENOENT { return nil }
      throw FileSystemError(call: "lstat", path: path, code: code)
    }
    return FileStatus(isDirectory: status.st_mode & S_IFMT == S_IFDIR, byteCount: Int(status.st_size))
  }

  package func rename(_ source: String, to target: String) throws(FileSystemError) {
    #if canImport(Glibc)
      let result = Glibc.rename(source, target)
    #else
      let result = Musl.rename(source, target)
    #endif
    guard result == 0 else { throw FileSystemError(call: "rename", path: source, code: errno) }
  }

  package func removeFile(_ path: String) throws(FileSystemError) {
    guard unlink(path) == 0 || errno == ENOENT else { throw FileSystemError(call: "unlink", path: path, code: errno) }
  }

  package func removeDirectory(_ path: String) throws(FileSystemError) {
    guard rmdir(path) == 0 || errno == ENOENT else { throw FileSystemError(call: "rmdir", path: path, code: errno) }
  }

  package func syncDirectory(_ path: String) throws(FileSystemError) {
    let descriptor = try openDescriptor(path, O_RDONLY | O_DIRECTORY)
    defer { close(descriptor) }
    guard retryingInterrupts({ fsync(descriptor) }) == 0 else {
      throw FileSystemError(call: "fsync", path: path, code: errno)
    }
  }

  package func availableBytes(_ path: String) throws(FileSystemError) -> Int {
    var status = statvfs()
    guard retryingInterrupts({ statvfs(path, &status) }) == 0 else {
      throw FileSystemError(call: "statvfs", path: path, code: errno)
    }
    let (bytes, overflow) = UInt(status.f_bavail).multipliedReportingOverflow(by: UInt(status.f_frsize))
    return overflow ? .max : Int(clamping: bytes)
  }

  package func lock(_ path: String) throws(FileSystemError) -> (any FileLock)? {
    let file = RealFile(path: path, descriptor: try openDescriptor(path, O_RDWR | O_CREAT))
    guard retryingInterrupts({ flock(file.descriptor, LOCK_EX | LOCK_NB) }) == 0 else {
      let code = errno
      if code == EWOULDBLOCK { return nil }
      throw FileSystemError(call: "flock", path: path, code: code)
    }
    return RealFileLock(file: file)
  }

  package func isLocked(_ path: String) throws(FileSystemError) -> Bool {
    let file: RealFile
    do throws(FileSystemError) {
      file = RealFile(path: path, descriptor: try openDescriptor(path, O_RDONLY))
    } catch {
      guard error.isNotFound else { throw error }
      return false
    }
    // Shared, so that two that only ask do not disturb each other; it goes with the descriptor.
    guard retryingInterrupts({ flock(file.descriptor, LOCK_SH | LOCK_NB) }) == 0 else {
      let code = errno
      if code == EWOULDBLOCK { return true }
      throw FileSystemError(call: "flock", path: path, code: code)
    }
    return false
  }

  private func openDescriptor(_ path: String, _ flags: CInt) throws(FileSystemError) -> CInt {
    let descriptor = retryingInterrupts { openat(AT_FDCWD, path, flags | O_CLOEXEC, 0o644) }
    guard descriptor >= 0 else { throw FileSystemError(call: FileSystemError.openCall, path: path, code: errno) }
    return descriptor
  }
}

/// The lock goes when the descriptor is closed.
private final class RealFileLock: FileLock {
  private let file: RealFile

  init(file: RealFile) { self.file = file }
}

/// Repeats a call that a signal broke off.
func retryingInterrupts<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
