#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import NIOCore
internal import Synchronization
internal import TailraceStorage
internal import TailraceWire

/// An open file of a recorded disk; it can be read and written after its name is gone.
final class RecordedFile: File {
  let path: String
  private let inode: Inode
  private let disk: RecordedDisk
  private let process: Int

  init(path: String, inode: Inode, disk: RecordedDisk, process: Int) {
    self.path = path
    self.inode = inode
    self.disk = disk
    self.process = process
  }

  func read(into bytes: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int {
    let content = try disk.perform("pread", path, by: process) { contents throws(FileSystemError) in
      contents.tree.files[inode] ?? []
    }
    let count = max(0, min(bytes.count, content.count - position))
    guard count > 0 else { return 0 }
    content.withUnsafeBytes { source in
      bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[position..<position + count]))
    }
    return count
  }

  func write(_ buffers: [ByteBuffer], at position: Int) -> WriteOutcome {
    var all = ByteBuffer()
    for buffer in buffers { all.writeImmutableBuffer(buffer) }
    let (written, count) = (all, all.readableBytes)
    guard count > 0 else { return WriteOutcome(byteCount: 0) }
    do throws(FileSystemError) {
      try disk.perform("pwritev", path, by: process) { contents throws(FileSystemError) in
        contents.record(.write(inode, position: position, bytes: written))
      }
      return WriteOutcome(byteCount: count)
    } catch {
      return WriteOutcome(byteCount: 0, error: error)
    }
  }

  func sync() throws(FileSystemError) {
    try disk.sync("fdatasync", path, by: process) { [inode] before, succeeds in
      succeeds ? .syncFile(inode, before: before) : .dropPages(inode, before: before)
    }
  }

  func truncate(to byteCount: Int) throws(FileSystemError) {
    try disk.perform("ftruncate", path, by: process) { contents throws(FileSystemError) in
      contents.record(.truncate(inode, byteCount: byteCount))
    }
  }

  func byteCount() throws(FileSystemError) -> Int {
    try disk.perform("fstat", path, by: process) { contents throws(FileSystemError) in
      contents.tree.byteCount(of: inode) ?? 0
    }
  }

  func chunk(_ range: Range<Int>) -> Chunk {
    .bytes((try? read(range.count, at: range.lowerBound)) ?? ByteBuffer())
  }
}

/// Held by one process until it lets go or is killed.
final class RecordedLock: FileLock {
  private let inode: Inode
  private let disk: RecordedDisk
  private let process: Int

  init(inode: Inode, disk: RecordedDisk, process: Int) {
    self.inode = inode
    self.disk = disk
    self.process = process
  }

  deinit {
    disk.contents.withLock { contents in
      if contents.process == process { contents.lockedInodes.remove(inode) }
    }
  }
}
