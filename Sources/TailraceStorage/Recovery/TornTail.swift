internal import NIOCore

/// Keeps what recovery cuts off in `.torn` files beside the segments, for an operator to look at.
struct TornTail {
  let fileSystem: any FileSystem
  let directory: String
  private static let chunkBytes = 1 << 20

  /// Copies the file's bytes from `position` on aside, durably, and then cuts them off, durably. Returns their number.
  func cut(_ name: String, at position: Int) throws(FileSystemError) -> Int {
    let file = try fileSystem.open("\(directory)/\(name)", .readWrite)
    let byteCount = try file.byteCount()
    guard byteCount > position else { return 0 }
    let copy = try fileSystem.open("\(directory)/\(try freeName(name))", .createNew)
    var at = position
    while at < byteCount {
      let bytes = try file.read(min(Self.chunkBytes, byteCount - at), at: at)
      guard bytes.readableBytes > 0 else { break }
      if let error = copy.write([bytes], at: at - position).error { throw error }
      at += bytes.readableBytes
    }
    try copy.sync()
    try fileSystem.syncDirectory(directory)
    try file.truncate(to: position)
    try file.sync()
    return byteCount - position
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
