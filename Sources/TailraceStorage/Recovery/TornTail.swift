internal import NIOCore

/// Keeps what recovery cuts off in `.torn` files beside the segments, for an operator to look at.
struct TornTail {
  let fileSystem: any FileSystem
  let directory: String
  private static let chunkBytes = 1 << 20

  /// Copies the file's bytes from `position` on aside, durably, but for the zeros that end it, and then cuts them off,
  /// durably. Returns how many were kept.
  func cut(_ name: String, at position: Int) throws(FileSystemError) -> Int {
    let file = try fileSystem.open("\(directory)/\(name)", .readWrite)
    let byteCount = try usedByteCount(of: file, from: position)
    guard byteCount > position else {
      try file.cutDurably(to: position)
      return 0
    }
    let copyPath = "\(directory)/\(try freeName(name))"
    do throws(FileSystemError) {
      try copy(position..<byteCount, of: file, to: copyPath)
    } catch {
      // The next start does it anew.
      try? fileSystem.removeFile(copyPath)
      throw error
    }
    try fileSystem.syncDirectory(directory)
    try file.cutDurably(to: position)
    return byteCount - position
  }

  private func copy(_ range: Range<Int>, of file: any File, to path: String) throws(FileSystemError) {
    let copy = try fileSystem.open(path, .createNew)
    var at = range.lowerBound
    while at < range.upperBound {
      let bytes = try file.read(min(Self.chunkBytes, range.upperBound - at), at: at)
      guard bytes.readableBytes > 0 else { break }
      if let error = copy.write([bytes], at: at - range.lowerBound).error { throw error }
      at += bytes.readableBytes
    }
    try copy.sync()
  }

  /// Zeros in whole blocks at the end of the file are room that was not used; fewer may be part of what was written.
  private static let blockBytes = 4 << 10

  /// Where the unused room begins that ends the file; `position` where there is nothing else after it.
  private func usedByteCount(of file: any File, from position: Int) throws(FileSystemError) -> Int {
    let byteCount = try file.byteCount()
    var used = position
    var at = position
    while at < byteCount {
      let bytes = try file.read(min(Self.chunkBytes, byteCount - at), at: at)
      guard bytes.readableBytes > 0 else { break }
      let last = bytes.withUnsafeReadableBytes { $0.lastIndex { $0 != 0 } }
      if let last { used = at + last + 1 }
      at += bytes.readableBytes
    }
    guard used > position else { return position }
    return min(byteCount, (used + Self.blockBytes - 1) / Self.blockBytes * Self.blockBytes)
  }

  /// Renames a whole segment file aside, durably. Returns its length.
  @discardableResult
  func setAside(_ name: String) throws(FileSystemError) -> Int {
    let path = "\(directory)/\(name)"
    let byteCount = try fileSystem.status(path)?.byteCount ?? 0
    try fileSystem.rename(path, to: "\(directory)/\(try freeName(name))")
    try fileSystem.syncDirectory(directory)
    return byteCount
  }

  /// `<name>.torn`, or `<name>.torn.2` and so on where earlier ones are there.
  private func freeName(_ name: String) throws(FileSystemError) -> String {
    let taken = Set(try fileSystem.list(directory))
    var candidate = "\(name).torn"
    var number = 2
    while taken.contains(candidate) {
      candidate = "\(name).torn.\(number)"
      number += 1
    }
    return candidate
  }
}
