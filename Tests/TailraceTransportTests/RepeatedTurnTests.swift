import NIOCore
import NIOEmbedded
@testable import TailraceTransport
import TailraceWire
import Testing

/// Connections that something has take a turn at once while they await the next one.
@Suite struct RepeatedTurnTests {
  private func pings(_ ids: ClosedRange<UInt64>) throws -> ByteBuffer {
    joined(try ids.map { try call($0, .adminServicePing) })
  }

  @Test func `calls that are left of a turn are not lost when there was another one meanwhile`() throws {
    let connection = try EmbeddedConnection(FakeDispatcher(mostTaken: 100) { .message($0.message) })
    try connection.receive(pings(1...900))
    // At once, before the turn that the read awaits: as where the peer shuts its side.
    connection.handler.work()
    connection.channel.embeddedEventLoop.run()
    #expect(try connection.received().map(\.id) == Array(1...900))
    #expect(connection.dispatcher.turns.allSatisfy { $0.count == 1 })
    #expect(connection.budget.usedBytes == 0)
  }

  @Test func `nor when that one came between two others, as with a deadline that passes`() throws {
    let connection = try EmbeddedConnection(FakeDispatcher(mostTaken: 100) { .message($0.message) })
    try connection.receive(pings(1...900))
    // Behind the first turn.
    let handler = connection.handler
    connection.channel.embeddedEventLoop.execute { handler.work() }
    connection.channel.embeddedEventLoop.run()
    #expect(try connection.received().map(\.id) == Array(1...900))
    #expect(connection.dispatcher.turns.allSatisfy { $0.count == 1 })
  }

  @Test func `a connection takes one share in a turn, however often it asked for one`() throws {
    let connection = try EmbeddedConnection()
    try connection.receive(pings(1...900))
    for id in 901...902 as ClosedRange<UInt64> {
      connection.handler.work()
      try connection.receive(call(id))
    }
    connection.channel.embeddedEventLoop.run()
    #expect(connection.dispatcher.turns.allSatisfy { $0.count == 1 && $0[0] <= 256 })
    #expect(try connection.received().map(\.id) == Array(1...902))
  }
}
