internal import NIOCore

/// Files and directories as somebody sees them: a process, or the next start after a crash.
///
/// A value: copies share the bytes of files that are the same.
struct DiskTree: Sendable {
  private(set) var files: [Inode: [UInt8]] = [:]
  private(set) var directories: [Inode: [String: Inode]] = [.root: [:]]

  /// What stands at a path; `..` is resolved by name, since there are no links. Nil where nothing does.
  func inode(at path: String) -> Inode? {
    var place: [Inode] = [.root]
    for name in path.utf8.split(separator: UInt8(ascii: "/")) {
      guard let directory = place.last else { return nil }
      switch String(Substring(name)) {
      case ".": continue
      case "..": if place.count > 1 { place.removeLast() }
      case let name:
        guard let next = directories[directory]?[name] else { return nil }
        place.append(next)
      }
    }
    return place.last
  }

  /// A file's length in bytes; nil where it is no file.
  func byteCount(of inode: Inode) -> Int? { files[inode]?.count }

  mutating func addFile(_ inode: Inode, _ bytes: [UInt8]) { files[inode] = bytes }

  mutating func addDirectory(_ inode: Inode, _ entries: [String: Inode]) { directories[inode] = entries }

  mutating func apply(_ change: DiskChange) {
    switch change {
    case .createFile(let inode, let name, let directory):
      files[inode] = []
      directories[directory]?[name] = inode
    case .createDirectory(let inode, let name, let directory):
      directories[inode] = [:]
      directories[directory]?[name] = inode
    case .rename(let source, let target, let directory):
      let inode = directories[directory]?.removeValue(forKey: source)
      directories[directory]?[target] = inode
    case .remove(let name, let directory): directories[directory]?[name] = nil
    case .write(let inode, let position, let bytes): files[inode]?.write(bytes, at: position)
    case .truncate(let inode, let byteCount): files[inode]?.resize(to: byteCount)
    case .syncFile, .dropPages, .syncDirectory: break
    }
  }
}

extension [UInt8] {
  /// Puts `bytes` at `position`, with zeros before it where the array ends earlier.
  mutating func write(_ bytes: ByteBuffer, at position: Int) {
    if count < position + bytes.readableBytes { resize(to: position + bytes.readableBytes) }
    bytes.withUnsafeReadableBytes { source in
      withUnsafeMutableBytes { target in
        UnsafeMutableRawBufferPointer(rebasing: target[position...]).copyMemory(from: source)
      }
    }
  }

  /// Cuts, or adds zeros.
  mutating func resize(to byteCount: Int) {
    if count > byteCount {
      removeLast(count - byteCount)
    } else {
      append(contentsOf: repeatElement(0, count: byteCount - count))
    }
  }
}
