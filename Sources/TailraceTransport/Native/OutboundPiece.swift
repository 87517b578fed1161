internal import NIOCore
internal import TailraceWire

/// Bytes on their way to the channel, in memory or in a file.
struct OutboundPiece {
  var data: IOData
  /// What must stay open until they are written.
  let file: FileChunk?

  var count: Int { data.readableBytes }

  /// Those that are in memory.
  var memoryBytes: Int {
    if case .byteBuffer = data { count } else { 0 }
  }

  /// Takes `byteCount` bytes off the front, of more.
  mutating func split(_ byteCount: Int) -> OutboundPiece {
    switch data {
    case .byteBuffer(var bytes):
      let head = bytes.readSlice(length: byteCount) ?? ByteBuffer()
      data = .byteBuffer(bytes)
      return OutboundPiece(data: .byteBuffer(head), file: file)
    case .fileRegion(let region):
      let middle = region.readerIndex + byteCount
      data = .fileRegion(FileRegion(fileHandle: region.fileHandle, readerIndex: middle, endIndex: region.endIndex))
      return OutboundPiece(
        data: .fileRegion(
          FileRegion(fileHandle: region.fileHandle, readerIndex: region.readerIndex, endIndex: middle)), file: file)
    }
  }
}
