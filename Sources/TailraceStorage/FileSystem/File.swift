package import NIOCore
package import TailraceWire

/// An open file; closed when the last reference goes. Thread-safe: positions are always given. Every call may block.
package protocol File: AnyObject, Sendable {
  var path: String { get }

  /// Fills `bytes` from `position` on, as far as the file goes. Returns the number of bytes read.
  func read(into bytes: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int

  /// Reads as `read(into:at:)`, and leaves the system's page cache as it was, as far as that can be had: for what is read
  /// once and not wanted again.
  func readLeavingCache(
    into bytes: UnsafeMutableRawBufferPointer, at position: Int
  ) throws(FileSystemError) -> Int

  /// Writes the buffers' readable bytes one after the other from `position` on, in one call to the system where that
  /// takes them all. After an error, the bytes up to `byteCount` are in the file.
  func write(_ buffers: [ByteBuffer], at position: Int) -> WriteOutcome

  /// Brings the file's bytes, and its length, to disk. An error is final: the bytes may be lost, and asking again
  /// would not tell.
  func sync() throws(FileSystemError)

  /// Cuts the file to `byteCount` bytes.
  func truncate(to byteCount: Int) throws(FileSystemError)

  /// Length in bytes.
  func byteCount() throws(FileSystemError) -> Int

  /// A range of the file that a transport can send without copying it.
  func chunk(_ range: Range<Int>) -> Chunk
}

/// How far a write got.
package struct WriteOutcome: Sendable, Hashable {
  /// Bytes that are written.
  package var byteCount: Int
  /// What stopped it; nil where all is written.
  package var error: FileSystemError?

  package init(byteCount: Int, error: FileSystemError? = nil) {
    self.byteCount = byteCount
    self.error = error
  }
}

extension File {
  package func readLeavingCache(
    into bytes: UnsafeMutableRawBufferPointer, at position: Int
  ) throws(FileSystemError) -> Int {
    try read(into: bytes, at: position)
  }

  /// Cuts the file to `byteCount` bytes where it has more, and brings that to disk.
  func cutDurably(to byteCount: Int) throws(FileSystemError) {
    guard try self.byteCount() > byteCount else { return }
    try truncate(to: byteCount)
    try sync()
  }

  /// Reads up to `count` bytes from `position` on; fewer only at the file's end.
  package func read(_ count: Int, at position: Int) throws(FileSystemError) -> ByteBuffer {
    var buffer = ByteBufferAllocator().buffer(capacity: count)
    try read(count, at: position, into: &buffer)
    return buffer
  }

  /// The same, behind what is in `buffer`.
  package func read(_ count: Int, at position: Int, into buffer: inout ByteBuffer) throws(FileSystemError) {
    var failure: FileSystemError?
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
      do throws(FileSystemError) {
        return try read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]), at: position)
      } catch {
        failure = error
        return 0
      }
    }
    if let failure { throw failure }
  }
}
