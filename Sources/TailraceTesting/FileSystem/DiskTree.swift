internal import NIOCore

/// Files and directories as somebody sees them: a process, or the next start after a crash.
///
/// A value: copies share the bytes of files that are the same.
struct DiskTree: Sendable {
  private(set) var files: [Inode: [UInt8]] = [:]
  private(set) var directories: [Inode: [String: Inode]] = [.root: [:]]

  /// Directories by the paths under which they were looked for; emptied where one may have gone.
  private var knownDirectories: [String: Inode] = [:]

  /// What stands at a path; `..` is resolved by name, since there are no links. Nil where nothing does.
  mutating func inode(at path: String) -> Inode? {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return resolve(path) }
    let name = String(path[path.utf8.index(after: slash)...])
    guard name != "..", name != "." else { return resolve(path) }
    let parent = String(path[..<slash])
    guard let directory = knownDirectories[parent] ?? resolve(parent) else { return nil }
    knownDirectories[parent] = directory
    return name.isEmpty ? directory : directories[directory]?[name]
  }

  private func resolve(_ path: String) -> Inode? {
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

  /// The path of a file or directory; nil where it has no name any more.
  func path(of inode: Inode) -> String? {
    if inode == .root { return "" }
    for (directory, entries) in directories {
      guard let name = entries.first(where: { $0.value == inode })?.key else { continue }
      return path(of: directory).map { "\($0)/\(name)" }
    }
    return nil
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
      if let inode, directories[inode] != nil { knownDirectories = [:] }
      directories[directory]?[target] = inode
    case .remove(let name, let directory):
      let inode = directories[directory]?.removeValue(forKey: name)
      if let inode, directories[inode] != nil { knownDirectories = [:] }
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
      self += [UInt8](repeating: 0, count: byteCount - count)
    }
  }
}
