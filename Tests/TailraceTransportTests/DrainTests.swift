import NIOCore
import NIOEmbedded
import TailraceTransport
import TailraceWire
import Testing

@Suite struct DrainTests {
  @Test func `a draining connection refuses new calls, finishes those in flight, and closes`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(1, .logServiceFetch))
    connection.handler.startDraining()
    try connection.send(call(2))
    let refused = try #require(try connection.received().first)
    #expect(refused.id == 2 && refused.code == .unavailable && refused.error == .shuttingDown)
    #expect(refused.reconnectAdvised)
    #expect(connection.channel.isActive)
    let taken = try #require(connection.dispatcher.taken.first)
    taken.connection.respond(.message(ByteBuffer(string: "done")), to: taken.call.id)
    let last = try connection.received()
    #expect(last.map(\.id) == [1, 0])
    #expect(last.first?.text == "done" && last.first?.reconnectAdvised == true)
    #expect(!connection.channel.isActive)
  }

  @Test func `a draining connection without calls says so and closes at once`() throws {
    let connection = try EmbeddedConnection()
    connection.handler.startDraining()
    let answers = try connection.received()
    #expect(answers.map(\.error) == [.shuttingDown])
    #expect(!connection.channel.isActive)
    #expect(connection.dispatcher.closed == 1)
  }

  @Test func `a peer that shut its side gets the answers to its calls, then the end`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(1, .logServiceFetch))
    connection.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    #expect(connection.channel.isActive)
    let taken = try #require(connection.dispatcher.taken.first)
    taken.connection.respond(.message(ByteBuffer(string: "late")), to: taken.call.id)
    #expect(try connection.received().map(\.text) == ["late"])
    #expect(!connection.channel.isActive)
  }

  @Test func `a peer that shut its side without calls in flight is closed at once`() throws {
    let connection = try EmbeddedConnection()
    connection.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    #expect(!connection.channel.isActive)
  }
}
