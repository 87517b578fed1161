#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import Synchronization
internal import TailraceStorage

/// A disk in memory that remembers all that happened to it, and the processes that used it, one after the other.
/// Thread-safe.
final class RecordedDisk: Sendable {
  struct Contents: Sendable {
    /// As the processes see it: the page cache.
    var tree: DiskTree
    let initial: DiskTree
    var changes: [DiskChange] = []
    var nextInode: Int
    var lockedInodes: Set<Inode> = []
    /// The process that is alive.
    var process = 0
    var syncHook: RecordingFileSystem.SyncHook?

    mutating func record(_ change: DiskChange) {
      tree.apply(change)
      changes.append(change)
    }

    mutating func takeInode() -> Inode {
      defer { nextInode += 1 }
      return Inode(number: nextInode)
    }
  }

  let contents: Mutex<Contents>

  init(_ tree: DiskTree) {
    let highest = max(tree.files.keys.map(\.number).max() ?? 0, tree.directories.keys.map(\.number).max() ?? 0)
    contents = Mutex(Contents(tree: tree, initial: tree, nextInode: highest + 1))
  }

  /// Carries out a call of a process; refused once it is dead.
  func perform<Result: Sendable>(
    _ call: String, _ path: String, by process: Int, _ body: (inout Contents) throws(FileSystemError) -> Result
  ) throws(FileSystemError) -> Result {
    try contents.withLock { contents throws(FileSystemError) in
      guard contents.process == process else { throw FileSystemError(call: call, path: path, code: EIO) }
      return try body(&contents)
    }
  }

  /// Syncs a file or directory: what counts is how it was when the call began, and from when it ends. `finish` makes the
  /// change from the number of changes there were at the beginning, and whether it succeeds.
  func sync(
    _ call: String, _ path: String, by process: Int, _ finish: (_ before: Int, _ succeeds: Bool) -> DiskChange?
  ) throws(FileSystemError) {
    let (before, hook) = try perform(call, path, by: process) { contents throws(FileSystemError) in
      (contents.changes.count, contents.syncHook)
    }
    let code = hook?(path)
    try perform(call, path, by: process) { contents throws(FileSystemError) in
      if let change = finish(before, code == nil) { contents.record(change) }
      if let code { throw FileSystemError(call: call, path: path, code: code) }
    }
  }
}
