internal import NIOCore

/// A moment in a disk's history, and what of it was surely on disk then: the ground for what a crash may leave.
///
/// The model is as pessimistic as POSIX allows. A file's bytes and length are durable after an fsync of that file, a
/// directory's entries after an fsync of that directory, and nothing else is.
///
/// A value: moving a copy on leaves the original where it is. Moves forward only.
package struct CrashCursor: Sendable {
  let history: DiskHistory
  /// How many changes have happened.
  package private(set) var position = 0
  /// As a process sees the disk.
  private(set) var tree: DiskTree
  private(set) var files: [Inode: FileOnDisk] = [:]
  private(set) var directories: [Inode: DirectoryOnDisk] = [:]

  init(_ history: DiskHistory) {
    self.history = history
    tree = history.initial
    files = tree.files.mapValues { FileOnDisk(durable: $0) }
    directories = tree.directories.mapValues { DirectoryOnDisk(durable: $0) }
  }

  /// The change that would come next; nil at the end.
  package var next: DiskChange? { position < history.changes.count ? history.changes[position] : nil }

  /// How many bytes the next change writes; 0 where it is no write.
  package var nextWriteByteCount: Int {
    guard case .write(_, _, let bytes) = next else { return 0 }
    return bytes.readableBytes
  }

  /// The path of the file that the next change writes to; nil where it is no write, or the file has no name.
  package var nextWritePath: String? {
    guard case .write(let inode, _, _) = next else { return nil }
    return tree.path(of: inode)
  }

  /// Moves on until `target` changes have happened; not past the end.
  package mutating func advance(to target: Int) {
    while position < target, let change = next {
      note(change)
      tree.apply(change)
      position += 1
    }
  }

  private mutating func note(_ change: DiskChange) {
    switch change {
    case .createFile(let inode, _, let directory):
      files[inode] = FileOnDisk()
      directories[directory]?.pending.append((position, change))
    case .createDirectory(let inode, _, let directory):
      directories[inode] = DirectoryOnDisk()
      directories[directory]?.pending.append((position, change))
    case .rename(_, _, let directory), .remove(_, let directory):
      directories[directory]?.pending.append((position, change))
    case .write(let inode, _, _), .truncate(let inode, _):
      files[inode]?.pending.append((position, change))
    case .syncFile(let inode, let before): files[inode]?.sync(before: before)
    case .dropPages(let inode, let before): files[inode]?.drop(before: before)
    case .syncDirectory(let inode, let before): directories[inode]?.sync(before: before)
    }
  }

  /// A copy to which the first `byteCount` bytes of the write that comes next have happened too.
  package func tearing(at byteCount: Int) -> CrashCursor {
    guard case .write(let inode, let position, let bytes) = next,
      let torn = bytes.getSlice(at: bytes.readerIndex, length: byteCount)
    else { return self }
    var copy = self
    let change = DiskChange.write(inode, position: position, bytes: torn)
    copy.tree.apply(change)
    copy.files[inode]?.pending.append((self.position, change))
    return copy
  }
}

/// A file: what is on disk, and what may be.
struct FileOnDisk: Sendable {
  var durable: [UInt8] = []
  /// Writes and truncates since, in order, with their places in the history.
  var pending: [(index: Int, change: DiskChange)] = []

  mutating func sync(before: Int) {
    for (_, change) in pending.prefix(while: { $0.index < before }) { durable.apply(change) }
    drop(before: before)
  }

  mutating func drop(before: Int) { pending.removeAll { $0.index < before } }
}

/// A directory: which entries are on disk, and which may be.
struct DirectoryOnDisk: Sendable {
  var durable: [String: Inode] = [:]
  /// Changes since, in order, with their places in the history.
  var pending: [(index: Int, change: DiskChange)] = []

  mutating func sync(before: Int) {
    for (_, change) in pending.prefix(while: { $0.index < before }) { durable.apply(change) }
    pending.removeAll { $0.index < before }
  }
}

extension [UInt8] {
  /// Carries out a write or a truncate.
  mutating func apply(_ change: DiskChange) {
    switch change {
    case .write(_, let position, let bytes): write(bytes, at: position)
    case .truncate(_, let byteCount): resize(to: byteCount)
    default: break
    }
  }
}

extension [String: Inode] {
  /// Carries out a change of a directory's entries.
  mutating func apply(_ change: DiskChange) {
    switch change {
    case .createFile(let inode, let name, _), .createDirectory(let inode, let name, _): self[name] = inode
    case .rename(let source, let target, _): self[target] = removeValue(forKey: source)
    case .remove(let name, _): self[name] = nil
    default: break
    }
  }
}
