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
