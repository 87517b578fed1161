#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import Synchronization
package import TailraceStorage

/// A file system in memory that keeps the history of its changes, from which `CrashCursor` tells what a crash at any
/// moment may leave.
///
/// One object is one process's view of the disk; `kill` ends that process. Renames go within one directory, as storage's
/// do: others are refused (EXDEV). Thread-safe; a call waits only for the hook of `onSync`.
package final class RecordingFileSystem: FileSystem {
  /// Called before an fsync of the file or directory at a path takes effect, without locks: it may wait. Returns the
  /// `errno` with which the fsync is to fail, nil where it is to succeed. What a failed one was to bring to disk is
  /// dropped, as Linux does: it can still be read, and is written by no later fsync.
  package typealias SyncHook = @Sendable (_ path: String) -> Int32?

  private let disk: RecordedDisk
  private let process: Int

  /// An empty disk.
  package convenience init() { self.init(RecordedDisk(DiskTree()), process: 0) }

  /// A disk that holds `tree`, all of it durably.
  convenience init(_ tree: DiskTree) { self.init(RecordedDisk(tree), process: 0) }

  private init(_ disk: RecordedDisk, process: Int) {
    self.disk = disk
    self.process = process
  }

  /// How many changes there were so far.
  package var changeCount: Int { disk.contents.withLock { $0.changes.count } }

  /// All changes so far.
  package var history: DiskHistory {
    disk.contents.withLock { DiskHistory(initial: $0.initial, changes: $0.changes) }
  }

  /// Sets what is called before each fsync; nil: nothing.
  package func onSync(_ hook: SyncHook?) { disk.contents.withLock { $0.syncHook = hook } }

  /// Ends the process: its locks are free, its further calls fail. Returns the view of the next one, which finds all
  /// that was written, synced or not.
  package func kill() -> RecordingFileSystem {
    let next = disk.contents.withLock { contents in
      contents.process += 1
      contents.lockedInodes = []
      return contents.process
    }
    return RecordingFileSystem(disk, process: next)
  }

  package func open(_ path: String, _ mode: FileMode) throws(FileSystemError) -> any File {
    let inode = try perform(FileSystemError.openCall, path) { contents throws(FileSystemError) in
      if let found = contents.tree.inode(at: path) {
        if mode == .createNew { throw FileSystemError(call: FileSystemError.openCall, path: path, code: EEXIST) }
        guard let byteCount = contents.tree.byteCount(of: found) else {
          throw FileSystemError(call: FileSystemError.openCall, path: path, code: EISDIR)
        }
        if mode == .replace, byteCount > 0 { contents.record(.truncate(found, byteCount: 0)) }
        return found
      }
      guard mode == .createNew || mode == .replace else {
        throw FileSystemError(call: FileSystemError.openCall, path: path, code: ENOENT)
      }
      return try contents.createFile(path)
    }
    return RecordedFile(path: path, inode: inode, disk: disk, process: process)
  }

  package func createDirectory(_ path: String) throws(FileSystemError) -> Bool {
    try perform("mkdir", path) { contents throws(FileSystemError) in
      if let found = contents.tree.inode(at: path) {
        guard contents.tree.directories[found] != nil else {
          throw FileSystemError(call: "mkdir", path: path, code: EEXIST)
        }
        return false
      }
      let (directory, name) = try contents.place("mkdir", path)
      contents.record(.createDirectory(contents.takeInode(), name: name, directory: directory))
      return true
    }
  }

  package func list(_ path: String) throws(FileSystemError) -> [String] {
    try perform("opendir", path) { contents throws(FileSystemError) in
      try contents.directory("opendir", path).entries.keys.sorted()
    }
  }

  package func status(_ path: String) throws(FileSystemError) -> FileStatus? {
    try perform("lstat", path) { contents throws(FileSystemError) in
      guard let inode = contents.tree.inode(at: path) else { return nil }
      let byteCount = contents.tree.byteCount(of: inode)
      return FileStatus(isDirectory: byteCount == nil, byteCount: byteCount ?? 0)
    }
  }

  package func rename(_ source: String, to target: String) throws(FileSystemError) {
    try perform("rename", source) { contents throws(FileSystemError) in
      let (directory, name) = try contents.place("rename", source)
      let (targetDirectory, targetName) = try contents.place("rename", target)
      guard contents.tree.directories[directory]?[name] != nil else {
        throw FileSystemError(call: "rename", path: source, code: ENOENT)
      }
      guard directory == targetDirectory else { throw FileSystemError(call: "rename", path: source, code: EXDEV) }
      contents.record(.rename(source: name, target: targetName, directory: directory))
    }
  }

  package func removeFile(_ path: String) throws(FileSystemError) {
    try perform("unlink", path) { contents throws(FileSystemError) in
      guard let inode = contents.tree.inode(at: path) else { return }
      guard contents.tree.files[inode] != nil else { throw FileSystemError(call: "unlink", path: path, code: EISDIR) }
      let (directory, name) = try contents.place("unlink", path)
      contents.record(.remove(name: name, directory: directory))
    }
  }

  package func removeDirectory(_ path: String) throws(FileSystemError) {
    try perform("rmdir", path) { contents throws(FileSystemError) in
      guard contents.tree.inode(at: path) != nil else { return }
      guard try contents.directory("rmdir", path).entries.isEmpty else {
        throw FileSystemError(call: "rmdir", path: path, code: ENOTEMPTY)
      }
      let (directory, name) = try contents.place("rmdir", path)
      contents.record(.remove(name: name, directory: directory))
    }
  }

  package func syncDirectory(_ path: String) throws(FileSystemError) {
    let inode = try perform("fsync", path) { contents throws(FileSystemError) in
      try contents.directory("fsync", path).inode
    }
    try disk.sync("fsync", path, by: process) { before, succeeds in
      succeeds ? .syncDirectory(inode, before: before) : nil
    }
  }

  package func availableBytes(_ path: String) throws(FileSystemError) -> Int { 1 << 40 }

  package func lock(_ path: String) throws(FileSystemError) -> (any FileLock)? {
    let inode: Inode? = try perform("flock", path) { contents throws(FileSystemError) in
      let found = contents.tree.inode(at: path)
      let inode = if let found { found } else { try contents.createFile(path) }
      return contents.lockedInodes.insert(inode).inserted ? inode : nil
    }
    return inode.map { RecordedLock(inode: $0, disk: disk, process: process) }
  }

  private func perform<Result: Sendable>(
    _ call: String, _ path: String, _ body: (inout RecordedDisk.Contents) throws(FileSystemError) -> Result
  ) throws(FileSystemError) -> Result {
    try disk.perform(call, path, by: process, body)
  }
}

extension RecordedDisk.Contents {
  /// The directory in which a path's last name stands, and that name.
  fileprivate mutating func place(_ call: String, _ path: String) throws(FileSystemError) -> (
    directory: Inode, name: String
  ) {
    let slash = path.lastIndex(of: "/")
    let parent = slash.map { String(path[..<$0]) } ?? ""
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    return (try directory(call, parent).inode, name)
  }

  fileprivate mutating func directory(
    _ call: String, _ path: String
  ) throws(FileSystemError) -> (inode: Inode, entries: [String: Inode]) {
    guard let inode = tree.inode(at: path) else { throw FileSystemError(call: call, path: path, code: ENOENT) }
    guard let entries = tree.directories[inode] else { throw FileSystemError(call: call, path: path, code: ENOTDIR) }
    return (inode, entries)
  }

  fileprivate mutating func createFile(_ path: String) throws(FileSystemError) -> Inode {
    let (directory, name) = try place(FileSystemError.openCall, path)
    let inode = takeInode()
    record(.createFile(inode, name: name, directory: directory))
    return inode
  }
}
