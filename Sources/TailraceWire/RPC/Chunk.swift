package import NIOCore

/// Bytes on their way out: in memory, or still in a file.
///
/// The only place where NIO's `FileRegion` shows: NIO may replace that type some day.
package enum Chunk: Sendable {
  case bytes(ByteBuffer)
  case file(FileChunk)

  /// Length in bytes.
  package var count: Int {
    switch self {
    case .bytes(let buffer): buffer.readableBytes
    case .file(let chunk): chunk.region.readableBytes
    }
  }
}

extension [Chunk] {
  /// Length of all of them in bytes.
  package var byteCount: Int { reduce(0) { $0 + $1.count } }

  /// Bytes of those in memory; what lies in files takes none.
  package var memoryBytes: Int {
    reduce(0) { sum, chunk in if case .bytes(let bytes) = chunk { sum + bytes.readableBytes } else { sum } }
  }
}

/// A range of a file that the transport can send without copying it, opaque to everybody between storage and transport.
package struct FileChunk: Sendable {
  package let region: FileRegion
  /// Keeps the file open until the chunk is sent or dropped.
  private let owner: any AnyObject & Sendable

  package init(region: FileRegion, owner: any AnyObject & Sendable) {
    self.region = region
    self.owner = owner
  }
}
