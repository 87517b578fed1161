/// What storage asks of a file system, and all of it: every change on disk goes through here, so that tests can stand
/// in the way of each. Paths are absolute or relative to the working directory. Thread-safe. Every call may block.
package protocol FileSystem: Sendable {
  /// Opens or creates a file. A created one is durable only after `syncDirectory` of its parent.
  func open(_ path: String, _ mode: FileMode) throws(FileSystemError) -> any File

  /// Makes one directory; false where it is there already. Durable only after `syncDirectory` of its parent.
  func createDirectory(_ path: String) throws(FileSystemError) -> Bool

  /// Names in a directory, without `.` and `..`, sorted.
  func list(_ path: String) throws(FileSystemError) -> [String]

  /// What stands at `path`, links not followed, so that removing a tree never leaves it; nil where nothing does.
  func status(_ path: String) throws(FileSystemError) -> FileStatus?

  /// Renames, replacing a file at `target`. Durable only after `syncDirectory` of the parents.
  func rename(_ source: String, to target: String) throws(FileSystemError)

  /// Removes a file.
  func removeFile(_ path: String) throws(FileSystemError)

  /// Removes an empty directory.
  func removeDirectory(_ path: String) throws(FileSystemError)

  /// Brings a directory's entries to disk.
  func syncDirectory(_ path: String) throws(FileSystemError)

  /// Bytes that this process may still write to the file system that holds `path`.
  func availableBytes(_ path: String) throws(FileSystemError) -> Int

  /// Locks the file at `path`, creating it, against all other processes and holders. Nil where another one has it. The
  /// lock ends with the returned object.
  func lock(_ path: String) throws(FileSystemError) -> (any FileLock)?

  /// Whether another process or holder has locked the file at `path`. Nothing is created or changed; false where nothing
  /// stands there.
  func isLocked(_ path: String) throws(FileSystemError) -> Bool
}

/// How to open a file. All but `.read` can be written to.
package enum FileMode: Sendable, Hashable {
  case read
  case readWrite
  /// Fails where it is there already.
  case createNew
  /// Empty, whether it was there or not.
  case replace
}

/// What stands at a path.
package struct FileStatus: Sendable, Hashable {
  package var isDirectory: Bool
  package var byteCount: Int

  package init(isDirectory: Bool, byteCount: Int) {
    self.isDirectory = isDirectory
    self.byteCount = byteCount
  }
}

/// Held for as long as the object lives.
package protocol FileLock: AnyObject, Sendable {}

extension FileSystem {
  package func isLocked(_ path: String) throws(FileSystemError) -> Bool { false }

  /// Removes a directory and everything in it. What is gone already is no error.
  func removeTree(_ path: String) throws(FileSystemError) {
    for name in try list(path) {
      let child = "\(path)/\(name)"
      guard let status = try status(child) else { continue }
      if status.isDirectory { try removeTree(child) } else { try removeFile(child) }
    }
    try removeDirectory(path)
  }

  /// Makes a directory and its entry in `parent` durable. True where it was made now.
  @discardableResult
  func createDirectoryDurably(_ name: String, in parent: String) throws(FileSystemError) -> Bool {
    let isNew = try createDirectory("\(parent)/\(name)")
    try syncDirectory(parent)
    return isNew
  }
}
