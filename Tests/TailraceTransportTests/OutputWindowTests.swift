import NIOCore
import NIOEmbedded
import NIOPosix
import TailraceWire
import Testing
@testable import TailraceTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a channel has of a connection's output at a time, and how that is cut.
@Suite struct OutputWindowTests {
  /// Keeps a file of counting bytes open; its name is gone already.
  private final class Owner: Sendable {
    let handle: NIOFileHandle

    init(byteCount: Int) throws {
      var path = Array("/tmp/tailrace-test-XXXXXX".utf8CString)
      let descriptor = mkstemp(&path)
      unlink(&path)
      let bytes = OutputWindowTests.counting(byteCount)
      let written = bytes.withUnsafeReadableBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
      #expect(written == byteCount)
      handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor)
    }

    deinit { try? handle.close() }

    func chunk(_ range: Range<Int>) -> FileChunk {
      FileChunk(
        region: FileRegion(fileHandle: handle, readerIndex: range.lowerBound, endIndex: range.upperBound), owner: self)
    }
  }

  private static func counting(_ count: Int) -> ByteBuffer {
    ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 ^ ($0 >> 8) ^ ($0 >> 16)) })
  }

  private static func bytes(_ data: IOData) throws -> ByteBuffer {
    switch data {
    case .byteBuffer(let bytes): return bytes
    case .fileRegion(let region):
      var bytes = ByteBuffer()
      let count = try bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: region.readableBytes) { target in
        try region.fileHandle.withUnsafeFileDescriptor {
          pread($0, target.baseAddress, region.readableBytes, off_t(region.readerIndex))
        }
      }
      #expect(count == region.readableBytes)
      return bytes
    }
  }

  @Test(arguments: [false, true])
  func `a connection that goes with output held back no longer counts as one that holds some back`(isEnded: Bool) throws
  {
    let connection = try EmbeddedConnection(
      FakeDispatcher { _ in .message(ByteBuffer(repeating: 1, count: 200 << 10)) })
    let turn = connection.handler.turn
    connection.valve.isShut = true
    for id in 1...4 as ClosedRange<UInt64> { try connection.send(call(id)) }
    #expect(turn.heldBackCount == 1)
    #expect(connection.handler.backlog.count > 0)
    if isEnded { try connection.send(ByteBuffer(bytes: [0, 0, 0, 1, 0, 0])) }
    connection.valve.drop()
    _ = try? connection.channel.close().wait()
    connection.channel.embeddedEventLoop.run()
    #expect(turn.heldBackCount == 0)
    #expect(connection.handler.unsentMemoryBytes == 0)
  }

  /// All that was written so far, and the sizes of its pieces.
  private func written(_ connection: EmbeddedConnection) throws -> (ByteBuffer, sizes: [Int]) {
    var (all, sizes) = (ByteBuffer(), [Int]())
    while let data = try connection.channel.readOutbound(as: IOData.self) {
      sizes.append(data.readableBytes)
      all.writeImmutableBuffer(try Self.bytes(data))
    }
    return (all, sizes)
  }

  /// Answers parked calls while nothing is sent, then lets a window after the other through.
  private func expectWindows(_ responses: [Response], sourceLocation: SourceLocation = #_sourceLocation) throws {
    let connection = try EmbeddedConnection()
    try connection.send(joined((1...UInt64(responses.count)).map { try call($0, .logServiceFetch) }))
    connection.valve.isShut = true
    for (taken, response) in zip(connection.dispatcher.taken, responses) {
      taken.connection.respond(response, to: taken.call.id)
    }
    connection.channel.embeddedEventLoop.run()
    var all = ByteBuffer()
    while connection.valve.heldBytes > 0 {
      #expect(connection.valve.heldBytes <= 256 << 10, sourceLocation: sourceLocation)
      try connection.valve.open(connection.channel, once: true)
      let (some, sizes) = try written(connection)
      #expect(sizes.allSatisfy { $0 > 0 }, sourceLocation: sourceLocation)
      all.writeImmutableBuffer(some)
    }
    var decoder = FrameDecoder()
    decoder.receive(all)
    for (index, response) in responses.enumerated() {
      let next = try decoder.next()
      let frame = try #require(next, sourceLocation: sourceLocation)
      #expect(try ResponseHeader(decoding: frame.header).callID == UInt64(index + 1), sourceLocation: sourceLocation)
      var expected = ByteBuffer()
      switch response {
      case .chunks(let chunks):
        for chunk in chunks {
          switch chunk {
          case .bytes(let bytes): expected.writeImmutableBuffer(bytes)
          case .file(let file): expected.writeImmutableBuffer(try Self.bytes(.fileRegion(file.region)))
          }
        }
      case .message(let message): expected = message
      default: break
      }
      #expect(frame.message == expected, sourceLocation: sourceLocation)
    }
    #expect(decoder.bufferedBytes == 0, sourceLocation: sourceLocation)
    #expect(connection.budget.usedBytes == 0, sourceLocation: sourceLocation)
  }

  @Test func `large answers in memory go to the channel a window at a time, whole and in order`() throws {
    try expectWindows([1_000_000, 10, 300_000, 262_144, 40_000, 5].map { .message(Self.counting($0)) })
  }

  @Test func `many small answers go to the channel a window at a time too`() throws {
    try expectWindows((0..<200).map { .message(Self.counting(9_000 + $0)) })
  }

  @Test func `answers out of files are cut where the window ends, whole and in order`() throws {
    let owner = try Owner(byteCount: 1_200_000)
    try expectWindows([
      .chunks([.bytes(Self.counting(100)), .file(owner.chunk(50..<1_100_000)), .bytes(Self.counting(70_000))]),
      .message(Self.counting(10)),
      .chunks([.file(owner.chunk(0..<1)), .file(owner.chunk(7..<700_000))]),
    ])
  }

  private struct WeakOwner {
    weak var value: Owner?
  }

  /// Has a call answered with a file of 600,000 bytes, of which none is sent yet. Only the connection holds the file.
  private func respondWithFile(_ connection: EmbeddedConnection) throws -> WeakOwner {
    try connection.send(call(1, .logServiceFetch))
    connection.valve.isShut = true
    let owner = try Owner(byteCount: 600_000)
    let taken = try #require(connection.dispatcher.taken.first)
    taken.connection.respond(.chunks([.file(owner.chunk(0..<600_000))]), to: taken.call.id)
    connection.channel.embeddedEventLoop.run()
    return WeakOwner(value: owner)
  }

  @Test func `a file's owner lives until the last of its pieces is sent, and no longer`() throws {
    let connection = try EmbeddedConnection()
    let owner = try respondWithFile(connection)
    var windows = 0
    while connection.valve.heldBytes > 0 {
      #expect(owner.value != nil)
      try connection.valve.open(connection.channel, once: true)
      windows += 1
    }
    #expect(windows == 3)
    // The channel still has its regions, which do not keep the file.
    #expect(owner.value == nil)
  }

  @Test func `a connection that closes lets go of the files it has not sent`() throws {
    let connection = try EmbeddedConnection()
    let owner = try respondWithFile(connection)
    connection.channel.close(promise: nil)
    connection.channel.embeddedEventLoop.run()
    connection.valve.drop()
    #expect(owner.value == nil)
    #expect(connection.budget.usedBytes == 0)
  }

  // MARK: Pieces

  @Test(arguments: [1, 499, 999]) func `a piece in memory is cut without a byte lost or copied`(at place: Int) throws {
    let bytes = Self.counting(1_000)
    var rest = OutboundPiece(data: .byteBuffer(bytes), file: nil)
    let head = rest.split(place)
    #expect((head.count, rest.count) == (place, 1_000 - place))
    #expect((head.memoryBytes, rest.memoryBytes) == (place, 1_000 - place))
    var joined = try Self.bytes(head.data)
    joined.writeImmutableBuffer(try Self.bytes(rest.data))
    #expect(joined == bytes)
    func address(_ data: IOData) -> UnsafeRawPointer? {
      if case .byteBuffer(let bytes) = data { bytes.withUnsafeReadableBytes { $0.baseAddress } } else { nil }
    }
    #expect(address(head.data) == bytes.withUnsafeReadableBytes { $0.baseAddress })
    #expect(address(rest.data) == address(head.data).map { $0 + place })
  }

  @Test(arguments: [1, 499, 999]) func `a piece of a file is cut into ranges that both keep its owner`(at place: Int)
    throws
  {
    weak var owner: Owner?
    var parts: [OutboundPiece] = []
    do {
      let strong = try Owner(byteCount: 2_000)
      owner = strong
      let chunk = strong.chunk(700..<1_700)
      var rest = OutboundPiece(data: .fileRegion(chunk.region), file: chunk)
      parts = [rest.split(place), rest]
    }
    #expect(parts.map(\.count) == [place, 1_000 - place])
    #expect(parts.map(\.memoryBytes) == [0, 0])
    var joined = ByteBuffer()
    for part in parts { joined.writeImmutableBuffer(try Self.bytes(part.data)) }
    #expect(joined == Self.counting(2_000).getSlice(at: 700, length: 1_000))
    // Each of them alone, whichever goes first.
    if place == 1 { parts.removeFirst() } else { parts.removeLast() }
    #expect(owner != nil)
    parts = []
    #expect(owner == nil)
  }
}
