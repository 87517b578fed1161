internal import NIOCore
internal import TailraceWire

/// A file that is read once, leaving the page cache to those who need it.
final class UncachedFile: File {
  private let file: any File

  init(_ file: any File) { self.file = file }

  var path: String { file.path }

  func read(into bytes: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int {
    try file.readLeavingCache(into: bytes, at: position)
  }

  func write(_ buffers: [ByteBuffer], at position: Int) -> WriteOutcome { file.write(buffers, at: position) }

  func sync() throws(FileSystemError) { try file.sync() }

  func truncate(to byteCount: Int) throws(FileSystemError) { try file.truncate(to: byteCount) }

  func byteCount() throws(FileSystemError) -> Int { try file.byteCount() }

  func chunk(_ range: Range<Int>) -> Chunk { file.chunk(range) }
}
