import NIOCore
import NIOEmbedded
import Synchronization
import TailraceTransport
import TailraceWire
import Testing

/// What a connection takes in one turn, and when it goes on.
@Suite struct TurnIngressTests {
  private func pings(_ ids: ClosedRange<UInt64>, textBytes: Int = 0) throws -> ByteBuffer {
    let text = String(repeating: "x", count: textBytes)
    return joined(try ids.map { try call($0, .adminServicePing, text) })
  }

  /// Requests that name no method, with headers of about so many bytes.
  private func refused(_ ids: ClosedRange<UInt64>, headerBytes: Int = 0) throws -> ByteBuffer {
    let metadata = headerBytes > 0 ? [Metadata(key: "k", value: String(repeating: "v", count: headerBytes))] : []
    return joined(try ids.map { try requestFrame(RequestHeader(callID: $0, metadata: metadata)) })
  }

  @Test func `more frames than a turn's share are taken over several turns, all answered, in order`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(pings(1...1000))
    #expect(connection.dispatcher.turns == [[256], [256], [256], [232]])
    #expect(try connection.received().map(\.id) == Array(1...1000))
    #expect(connection.valve.flushes == 4)
    #expect(connection.budget.usedBytes == 0)
  }

  @Test func `just a turn's share takes one turn`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(pings(1...256))
    try connection.send(pings(257...513))
    #expect(connection.dispatcher.turns == [[256], [256], [1]])
    #expect(try connection.received().map(\.id) == Array(1...513))
  }

  @Test(arguments: [(0, 7), (960, 12)])
  func `frames that are refused count more, the more the longer their headers are`(headerBytes: Int, turns: Int) throws
  {
    let connection = try EmbeddedConnection()
    try connection.send(refused(1...100, headerBytes: headerBytes))
    #expect(connection.valve.flushes == turns)
    let answers = try connection.received()
    #expect(answers.map(\.id) == Array(1...100))
    #expect(answers.allSatisfy { $0.code == .invalidArgument })
    #expect(connection.dispatcher.turns.isEmpty)
  }

  @Test func `refused frames leave less of a turn for the others, and all keep their order`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(pings(1...200), refused(201...203), pings(204...400))
    #expect(connection.dispatcher.turns == [[208], [189]])
    let answers = try connection.received()
    // A refusal does not wait for the calls of its turn.
    #expect(answers.map(\.id) == Array(201...203) + Array(1...200) + Array(204...400))
  }

  @Test func `other connections have their turns between those of one that sent much`() throws {
    let loop = EmbeddedEventLoop()
    let dispatcher = FakeDispatcher.standard()
    let turn = LoopTurn(eventLoop: loop, dispatcher: dispatcher)
    let busy = try EmbeddedConnection(dispatcher, loop: loop, turn: turn)
    let other = try EmbeddedConnection(dispatcher, loop: loop, turn: turn)
    try busy.receive(pings(1...600))
    try other.receive(pings(1...2))
    loop.run()
    #expect(dispatcher.turns == [[256, 2], [256], [88]])
    #expect(try other.received().map(\.id) == [1, 2])
    #expect(try busy.received().map(\.id) == Array(1...600))
  }

  @Test func `a connection does not read while it is behind`() throws {
    let seen = Mutex<[Int]>([])
    let reads = Mutex<@Sendable () -> Int>({ 0 })
    let dispatcher = FakeDispatcher { call in
      let count = reads.withLock { $0 }()
      seen.withLock { $0.append(count) }
      return .message(call.message)
    }
    let connection = try EmbeddedConnection(dispatcher)
    let valve = NIOLoopBound(connection.valve, eventLoop: connection.channel.eventLoop)
    reads.withLock { $0 = { valve.value.reads } }
    let before = connection.valve.reads
    // More than is read ahead of.
    try connection.send(pings(1...1000, textBytes: 100))
    #expect(seen.withLock { $0 } == [Int](repeating: before, count: 1000))
    #expect(connection.valve.reads == before + 1)
    #expect(try connection.received().count == 1000)
  }

  @Test func `after little, one read is asked for at once, and what it brings goes behind what is left`() throws {
    let connection = try EmbeddedConnection()
    let before = connection.valve.reads
    try connection.receive(pings(1...600))
    #expect(connection.valve.reads == before + 1)
    let more = try pings(601...700)
    let channel = connection.channel
    channel.embeddedEventLoop.execute { _ = try? channel.writeInbound(more) }
    channel.embeddedEventLoop.run()
    #expect(try connection.received().map(\.id) == Array(1...700))
    #expect(connection.dispatcher.turns.map { $0.reduce(0, +) }.reduce(0, +) == 700)
    #expect(connection.dispatcher.turns.allSatisfy { $0[0] <= 256 })
    #expect(connection.valve.reads == before + 2)
  }

  @Test func `frames wait in their bytes while output has no room`() throws {
    let connection = try EmbeddedConnection(limits: ConnectionLimits(maxBytesInFlight: 10 << 10))
    connection.valve.isShut = true
    let reads = connection.valve.reads
    try connection.send(refused(1...400))
    // Refusals are output as well.
    #expect(connection.valve.heldBytes < 12 << 10)
    #expect(connection.valve.reads <= reads + 1)
    try connection.valve.open(connection.channel)
    #expect(try connection.received().map(\.id) == Array(1...400))
    #expect(connection.budget.usedBytes == 0)
  }

  // MARK: Time

  /// A dispatcher to which each call takes 20 µs.
  private func slowConnection() throws -> EmbeddedConnection {
    let loop = EmbeddedEventLoop()
    let dispatcher = FakeDispatcher { call in
      loop.advanceTime(by: .microseconds(20))
      return .message(call.message)
    }
    return try EmbeddedConnection(dispatcher, loop: loop)
  }

  @Test func `a turn takes no more calls when its time is up, and the next one goes on`() throws {
    let connection = try slowConnection()
    try connection.send(pings(1...20))
    // Time is looked at with every eighth call.
    for _ in 0..<10 { connection.advance(.milliseconds(1)) }
    #expect(connection.dispatcher.offers == [20, 13, 6])
    #expect(try connection.received().map(\.id) == Array(1...20))
  }

  @Test func `a violation behind calls that were cut off by time waits for them`() throws {
    let connection = try slowConnection()
    let broken = ByteBuffer(integer: 0 as UInt32)
    try connection.send(pings(1...20), broken)
    for _ in 0..<10 { connection.advance(.milliseconds(1)) }
    #expect(try connection.received().map(\.id) == Array(1...20) + [0])
    #expect(!connection.channel.isActive)
  }
}
