import NIOCore
import NIOEmbedded
@testable import TailraceTransport
import TailraceWire
import TailraceTestSupport
import Testing

/// The limit of streams, before and after a client has read it.
@Suite struct SettingsExchangeTests {
  private typealias Frame = EmbeddedGRPCConnection.Frame

  private let preface = [EmbeddedGRPCConnection.preface, EmbeddedGRPCConnection.settings]

  private func calls(_ streams: Range<Int>, of connection: EmbeddedGRPCConnection) throws -> [ByteBuffer] {
    try streams.map { try connection.call(UInt32(2 * $0 + 1), .logServiceFetch) }
  }

  /// The streams that were refused, and told that they may be opened again.
  private func refused(_ frames: [Frame]) -> [UInt32] {
    frames.filter { $0.kind == .reset && $0.payload == ByteBuffer(integer: UInt32(7)) }.map(\.stream)
  }

  private func value(of setting: UInt16, in frames: [Frame]) throws -> UInt32? {
    var entries = try #require(frames.first { $0.kind == .settings && $0.flags == 0 }).payload
    var found: UInt32?
    while let (name, value) = entries.readMultipleIntegers(as: (UInt16, UInt32).self) {
      if name == setting { found = value }
    }
    return found
  }

  @Test func `a peer is told the limit that holds`() throws {
    let connection = try EmbeddedGRPCConnection(limits: ConnectionLimits(maxCallsInFlight: 321))
    #expect(try value(of: 3, in: connection.received()) == 321)
  }

  @Test func `streams past the limit are refused, and the others served, before the limit was acknowledged`() throws {
    let dispatcher = FakeDispatcher.standard()
    let connection = try EmbeddedGRPCConnection(dispatcher, limits: ConnectionLimits(maxCallsInFlight: 200))
    try connection.send(joined(preface + calls(0..<700, of: connection)))
    let frames = try connection.received()
    #expect(dispatcher.taken.count == 200)
    #expect(refused(frames) == Array(stride(from: 401, to: 1_401, by: 2)))
    #expect(frames.allSatisfy { $0.kind != .goAway })
    // Once it has, nothing is other than before.
    try connection.send(EmbeddedGRPCConnection.settingsAcknowledgement, connection.call(1_401))
    #expect(refused(try connection.received()) == [1_401])
    #expect(connection.channel.isActive)
  }

  @Test func `one that is over makes room for another`() throws {
    let connection = try EmbeddedGRPCConnection(limits: ConnectionLimits(maxCallsInFlight: 2))
    try connection.open()
    try connection.send(joined(calls(0..<3, of: connection)))
    #expect(refused(try connection.received()) == [5])
    try connection.send(EmbeddedGRPCConnection.frame(.reset, stream: 1, ByteBuffer(integer: UInt32(8))))
    try connection.send(connection.call(7))
    let frames = try connection.received()
    #expect(refused(frames).isEmpty)
    #expect(frames.last { $0.stream == 7 }?.isLast == true)
  }

  @Test func `frames that are cut anywhere are put together`() throws {
    var random = SeededGenerator(for: "SettingsExchangeTests")
    for _ in 0..<50 {
      let connection = try EmbeddedGRPCConnection()
      var bytes = joined(
        preface + [try connection.call(1), EmbeddedGRPCConnection.settingsAcknowledgement, try connection.call(3)])
      while bytes.readableBytes > 0 {
        let slice = bytes.readSlice(length: min(bytes.readableBytes, 1 + random.below(12)))
        try connection.send(try #require(slice))
      }
      let ended = try connection.received().filter(\.isLast).map(\.stream).sorted()
      #expect(ended == [1, 3])
      #expect(connection.channel.isActive)
    }
  }

  @Test func `an acknowledgement of nothing ends the connection`() throws {
    let connection = try EmbeddedGRPCConnection()
    try connection.open()
    try connection.send(EmbeddedGRPCConnection.settingsAcknowledgement)
    #expect(try connection.received().contains { $0.kind == .goAway })
  }

  @Test func `a client that does not begin with its settings is told that it must`() throws {
    let connection = try EmbeddedGRPCConnection()
    try connection.send(joined([EmbeddedGRPCConnection.preface, try connection.call(1)]))
    #expect(try connection.received().contains { $0.kind == .goAway })
  }
}
