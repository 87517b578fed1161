package import NIOCore
package import TailraceWire

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// A file that a chunk refers to ends before the chunk does.
package struct ShortChunk: Error {}

extension Chunk {
  /// The bytes, read from the file where they are still there.
  package func bytes() throws -> ByteBuffer {
    switch self {
    case .bytes(let buffer): return buffer
    case .file(let file):
      let region = file.region
      let count = region.readableBytes
      var buffer = ByteBufferAllocator().buffer(capacity: count)
      let done = try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
        try region.fileHandle.withUnsafeFileDescriptor { descriptor in
          max(0, pread(descriptor, target.baseAddress, count, off_t(region.readerIndex)))
        }
      }
      guard done == count else { throw ShortChunk() }
      return buffer
    }
  }
}
