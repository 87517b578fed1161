#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import NIOCore
internal import TailraceWire

/// An open file of the machine's own file system.
final class RealFile: File {
  let path: String
  let descriptor: CInt

  /// Takes the descriptor over.
  init(path: String, descriptor: CInt) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  func read(into bytes: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      let count = retryingInterrupts {
        pread(descriptor, base + done, bytes.count - done, off_t(position + done))
      }
      guard count >= 0 else { throw failure("pread") }
      guard count > 0 else { break }
      done += count
    }
    return done
  }

  func write(_ buffers: [ByteBuffer], at position: Int) -> WriteOutcome {
    // The bytes lie in the buffers' heap storage, which does not move while the array holds it.
    withExtendedLifetime(buffers) {
      withUnsafeTemporaryAllocation(of: iovec.self, capacity: buffers.count) { vectors in
        var count = 0
        for buffer in buffers where buffer.readableBytes > 0 {
          buffer.withUnsafeReadableBytes { bytes in
            let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
            vectors.initializeElement(at: count, to: iovec(iov_base: base, iov_len: bytes.count))
          }
          count += 1
        }
        return write(UnsafeMutableBufferPointer(rebasing: vectors[..<count]), at: position)
      }
    }
  }

  private func write(_ vectors: UnsafeMutableBufferPointer<iovec>, at position: Int) -> WriteOutcome {
    var first = 0
    var done = 0
    while first < vectors.count, let base = vectors.baseAddress {
      let batch = CInt(min(vectors.count - first, Self.maxVectors))
      var count = retryingInterrupts { pwritev(descriptor, base + first, batch, off_t(position + done)) }
      guard count >= 0 else { return WriteOutcome(byteCount: done, error: failure("pwritev")) }
      guard count > 0 else {
        return WriteOutcome(byteCount: done, error: FileSystemError(call: "pwritev", path: path, code: EIO))
      }
      done += count
      while first < vectors.count, count >= vectors[first].iov_len {
        count -= vectors[first].iov_len
        first += 1
      }
      if count > 0 {
        vectors[first].iov_base += count
        vectors[first].iov_len -= count
      }
    }
    return WriteOutcome(byteCount: done)
  }

  /// The system's bound on buffers in one call (IOV_MAX).
  private static let maxVectors = 1024

  func sync() throws(FileSystemError) {
    guard retryingInterrupts({ fdatasync(descriptor) }) == 0 else { throw failure("fdatasync") }
  }

  func truncate(to byteCount: Int) throws(FileSystemError) {
    guard retryingInterrupts({ ftruncate(descriptor, off_t(byteCount)) }) == 0 else { throw failure("ftruncate") }
  }

  func byteCount() throws(FileSystemError) -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("fstat") }
    return Int(status.st_size)
  }

  func chunk(_ range: Range<Int>) -> Chunk {
    let region = SharedDescriptor(file: self)
    return .file(
      FileChunk(
        region: FileRegion(fileHandle: region.handle, readerIndex: range.lowerBound, endIndex: range.upperBound),
        owner: region))
  }

  private func failure(_ call: String) -> FileSystemError { FileSystemError(call: call, path: path, code: errno) }
}

/// A handle for one chunk over the descriptor of its file.
///
/// Each chunk has its own: a handle refuses (EBUSY) to be used by two event loops at once, while the descriptor itself
/// serves any number of `sendfile` calls, since each states its position. The handle never closes the descriptor; the
/// file does.
private final class SharedDescriptor: Sendable {
  let handle: NIOFileHandle
  private let file: RealFile

  init(file: RealFile) {
    self.file = file
    handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: file.descriptor)
  }

  deinit { _ = try? handle.takeDescriptorOwnership() }
}
