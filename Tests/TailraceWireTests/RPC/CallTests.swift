import Foundation
import NIOCore
import TailraceWire
import Testing

@Suite("Calls and their answers")
struct CallTests {
  private final class Owner: Sendable {}

  @Test func `A call without more has no deadline, no metadata, and came through the native door`() {
    let context = CallContext()
    #expect(context.deadline == .distantFuture && context.metadata.isEmpty && context.peer.isEmpty)
    #expect(context.door == .native)
    #expect(CallOptions().timeout == nil && CallOptions().metadata.isEmpty)
  }

  @Test func `A chunk's length is what is to be read of it`() {
    var bytes = ByteBuffer(string: "abcdef")
    bytes.moveReaderIndex(forwardBy: 2)
    #expect(Chunk.bytes(bytes).count == 4)
    #expect(Chunk.bytes(ByteBuffer()).count == 0)
  }

  @Test func `A file's chunk counts its range and holds its owner until it is dropped`() throws {
    let handle = try NIOFileHandle(_deprecatedPath: "/dev/null")
    defer { try? handle.close() }
    weak var owner: Owner?
    do {
      let strong = Owner()
      owner = strong
      let region = FileRegion(fileHandle: handle, readerIndex: 10, endIndex: 110)
      var response: Response? = .chunks([.file(FileChunk(region: region, owner: strong))])
      guard case .chunks(let chunks) = response else { return }
      #expect(chunks.map(\.count) == [100])
      response = nil
    }
    #expect(owner == nil)
  }

  @Test func `A file's chunk alone keeps its owner`() throws {
    let handle = try NIOFileHandle(_deprecatedPath: "/dev/null")
    defer { try? handle.close() }
    weak var owner: Owner?
    var chunk: FileChunk?
    do {
      let strong = Owner()
      owner = strong
      chunk = FileChunk(region: FileRegion(fileHandle: handle, readerIndex: 0, endIndex: 1), owner: strong)
    }
    #expect(owner != nil && chunk?.region.readableBytes == 1)
    chunk = nil
    #expect(owner == nil)
  }
}
