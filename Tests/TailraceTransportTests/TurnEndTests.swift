import NIOCore
import NIOEmbedded
import Synchronization
import TailraceTransport
import TailraceWire
import Testing

/// Connections that come to their end with more to do than a turn takes.
@Suite struct TurnEndTests {
  private func pings(_ ids: ClosedRange<UInt64>, textBytes: Int = 0) throws -> ByteBuffer {
    let text = String(repeating: "x", count: textBytes)
    return joined(try ids.map { try call($0, .adminServicePing, text) })
  }

  private func shutInput(_ connection: EmbeddedConnection) {
    connection.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
  }

  @Test func `a violation behind unsent output ends the connection only when that is sent`() throws {
    let connection = try EmbeddedConnection()
    connection.valve.isShut = true
    try connection.send(pings(1...2, textBytes: 400_000), ByteBuffer(integer: 0 as UInt32))
    var rounds = 0
    while connection.valve.heldBytes > 0 {
      #expect(connection.channel.isActive)
      #expect(connection.valve.heldBytes <= (256 << 10) + 1000)
      rounds += 1
      // The last of it, and what is said about the violation, leave together.
      try connection.valve.open(connection.channel, once: rounds < 4)
    }
    #expect(rounds == 4)
    let answers = try connection.received()
    #expect(answers.map(\.id) == [1, 2, 0])
    #expect(answers.map(\.byteCount).prefix(2) == [400_000, 400_000])
    #expect(!connection.channel.isActive)
    #expect(connection.budget.usedBytes == 0)
  }

  @Test func `a violation behind more than a turn's share of calls waits for their answers`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(pings(1...700), ByteBuffer(integer: 0 as UInt32))
    #expect(try connection.received().map(\.id) == Array(1...700) + [0])
    #expect(!connection.channel.isActive)
    #expect(connection.dispatcher.closed == 1)
  }

  @Test func `a peer that shuts its side after more than a turn's share gets all answers, and the dispatcher is told`()
    throws
  {
    let connection = try EmbeddedConnection()
    try connection.receive(pings(1...600), call(601, .logServiceFetch))
    shutInput(connection)
    #expect(connection.dispatcher.inputEnds.isEmpty)
    connection.channel.embeddedEventLoop.run()
    #expect(connection.dispatcher.inputEnds == [601])
    #expect(try connection.received().map(\.id) == Array(1...600))
    #expect(connection.channel.isActive)
    let parked = try #require(connection.dispatcher.taken.last)
    parked.connection.respond(.message(ByteBuffer(string: "last")), to: parked.call.id)
    #expect(try connection.received().map(\.text) == ["last"])
    #expect(!connection.channel.isActive)
  }

  @Test func `the dispatcher is told that nothing more comes once it has what it left, too`() throws {
    let connection = try EmbeddedConnection(FakeDispatcher(mostTaken: 2) { .message($0.message) })
    try connection.receive(pings(1...5))
    shutInput(connection)
    connection.channel.embeddedEventLoop.run()
    #expect(connection.dispatcher.inputEnds == [5])
    #expect(try connection.received().map(\.id) == Array(1...5))
    #expect(!connection.channel.isActive)
  }

  @Test func `a peer that shut its side gets large answers, a window at a time, before the end`() throws {
    let connection = try EmbeddedConnection()
    connection.valve.isShut = true
    try connection.send(pings(1...1, textBytes: 700_000))
    shutInput(connection)
    for _ in 0..<2 {
      try connection.valve.open(connection.channel, once: true)
      #expect(connection.channel.isActive)
    }
    try connection.valve.open(connection.channel)
    #expect(try connection.received().map(\.byteCount) == [700_000])
    #expect(!connection.channel.isActive)
  }

  @Test func `a draining connection refuses the frames that are left, a share at a time, before it closes`() throws {
    let connection = try EmbeddedConnection()
    try connection.receive(pings(1...100))
    connection.handler.startDraining()
    // A turn's share of them.
    #expect(try connection.channel.readOutbound(as: IOData.self) != nil)
    #expect(connection.channel.isActive)
    let answers = try connection.received()
    #expect(answers.map(\.id) == Array(17...100) + [0])
    #expect(answers.allSatisfy { $0.error == .shuttingDown })
    #expect(connection.dispatcher.taken.isEmpty)
    #expect(!connection.channel.isActive)
  }

  @Test func `draining that begins in a turn lets its calls be answered, and refuses what is behind`() throws {
    let drain = Mutex<@Sendable () -> Void>({})
    let connection = try EmbeddedConnection(
      FakeDispatcher { call in
        drain.withLock { $0 }()
        return .message(call.message)
      })
    let handler = connection.handler
    drain.withLock { $0 = { handler.startDraining() } }
    try connection.send(pings(1...300))
    let answers = try connection.received()
    #expect(answers.map(\.id) == Array(1...300) + [0])
    #expect(answers.map { $0.code == .ok } == (1...301).map { $0 <= 256 })
    #expect(!connection.channel.isActive)
    drain.withLock { $0 = {} }
  }
}
