package import NIOCore

/// A file or directory of a recorded disk. Numbers are given in order and never again.
package struct Inode: Hashable, Sendable {
  package let number: Int

  /// The directory `/`.
  package static let root = Inode(number: 0)
}

/// One thing that happened to a recorded disk. Names are looked up in the directory given.
package enum DiskChange: Sendable {
  case createFile(Inode, name: String, directory: Inode)
  case createDirectory(Inode, name: String, directory: Inode)
  /// Replaces what stands at `target`.
  case rename(source: String, target: String, directory: Inode)
  /// Of a file or an empty directory.
  case remove(name: String, directory: Inode)
  case write(Inode, position: Int, bytes: ByteBuffer)
  case truncate(Inode, byteCount: Int)
  /// What the file was before change number `before` is on disk from here on: changes made while an fsync runs are not
  /// part of it.
  case syncFile(Inode, before: Int)
  /// An fsync failed. What it was to bring to disk counts as clean from here on, and no later fsync writes it.
  case dropPages(Inode, before: Int)
  /// The same as `syncFile` for a directory's entries.
  case syncDirectory(Inode, before: Int)
}

extension DiskChange: CustomStringConvertible {
  package var description: String {
    switch self {
    case .createFile(let inode, let name, let directory):
      "create file \(inode.number) \(name) in \(directory.number)"
    case .createDirectory(let inode, let name, let directory):
      "create directory \(inode.number) \(name) in \(directory.number)"
    case .rename(let source, let target, let directory): "rename \(source) to \(target) in \(directory.number)"
    case .remove(let name, let directory): "remove \(name) in \(directory.number)"
    case .write(let inode, let position, let bytes):
      "write \(bytes.readableBytes) bytes to \(inode.number) at \(position)"
    case .truncate(let inode, let byteCount): "truncate \(inode.number) to \(byteCount)"
    case .syncFile(let inode, let before): "sync file \(inode.number) as before \(before)"
    case .dropPages(let inode, let before): "drop pages of \(inode.number) from before \(before)"
    case .syncDirectory(let inode, let before): "sync directory \(inode.number) as before \(before)"
    }
  }
}

/// All that happened to a disk since it was as `initial`.
package struct DiskHistory: Sendable {
  let initial: DiskTree
  package let changes: [DiskChange]

  /// At the beginning of the history.
  package func cursor() -> CrashCursor { CrashCursor(self) }

  /// After all of it.
  package var end: CrashCursor {
    var cursor = cursor()
    cursor.advance(to: changes.count)
    return cursor
  }
}
