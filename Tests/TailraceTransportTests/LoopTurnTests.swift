import NIOCore
import NIOEmbedded
import Synchronization
import TailraceTransport
import TailraceWire
import Testing

/// Connections that share an event loop, and so its turns.
@Suite struct LoopTurnTests {
  /// What a dispatcher does when a call of this text comes, beside answering it.
  private final class Script: Sendable {
    private let actions = Mutex<[String: @Sendable () -> Void]>([:])

    func at(_ text: String, _ action: @escaping @Sendable () -> Void) { actions.withLock { $0[text] = action } }

    func run(_ text: String) { actions.withLock { $0[text] }?() }
  }

  private struct Group {
    let script = Script()
    let dispatcher: FakeDispatcher
    let loop = EmbeddedEventLoop()
    let budget = MemoryBudget(limitBytes: 512 << 20)
    let connections: [EmbeddedConnection]

    /// Pings are echoed, fetches parked, each after what the script says.
    init(_ count: Int, mostTaken: Int = .max) throws {
      let script = script
      let dispatcher = FakeDispatcher(mostTaken: mostTaken) { call in
        script.run(String(buffer: call.message))
        return call.method == .adminServicePing ? .message(call.message) : nil
      }
      let (loop, budget) = (loop, budget)
      let turn = LoopTurn(eventLoop: loop, dispatcher: dispatcher)
      self.dispatcher = dispatcher
      connections = try (0..<count).map { _ in
        try EmbeddedConnection(dispatcher, budget: budget, loop: loop, turn: turn)
      }
    }

    subscript(index: Int) -> EmbeddedConnection { connections[index] }

    /// The call of this text, which the dispatcher has taken.
    func taken(_ text: String) throws -> FakeDispatcher.Taken {
      try #require(dispatcher.taken.first { String(buffer: $0.call.message) == text })
    }
  }

  @Test func `calls of connections that read in the same pass are dispatched at once, and each is flushed once`() throws
  {
    let group = try Group(3)
    let flushes = group.connections.map(\.valve.flushes)
    try group[0].receive(call(1, .adminServicePing, "a"), call(2, .adminServicePing, "b"))
    try group[1].receive(call(1, .adminServicePing, "c"))
    #expect(group.dispatcher.turns.isEmpty)
    group.loop.run()
    #expect(group.dispatcher.turns == [[2, 1]])
    #expect(zip(group.connections, flushes).map { $0.0.valve.flushes - $0.1 } == [1, 1, 0])
    #expect(try group[0].received().map(\.text) == ["a", "b"])
    #expect(try group[1].received().map(\.text) == ["c"])
    try group[2].send(call(1, .adminServicePing, "d"))
    #expect(group.dispatcher.turns == [[2, 1], [1]])
    #expect(try group[2].received().map(\.text) == ["d"])
  }

  @Test func `several reads of a connection in one pass are one offer`() throws {
    let group = try Group(2)
    try group[0].receive(call(1))
    try group[1].receive(call(1))
    try group[0].receive(call(2), call(3))
    group.loop.run()
    #expect(group.dispatcher.turns == [[3, 1]])
    #expect(try group[0].received().map(\.id) == [1, 2, 3])
  }

  @Test func `connections that are answered in another's turn are flushed in that turn`() throws {
    let group = try Group(3)
    let others = [1, 2]
    for other in others { try group[other].send(call(7, .logServiceFetch, "parked \(other)")) }
    let parked = try others.map { try group.taken("parked \($0)") }
    group.script.at("wake") {
      for taken in parked { taken.connection.respond(.message(ByteBuffer(string: "news")), to: taken.call.id) }
    }
    let valves = others.map { group[$0].valve }
    let flushes = valves.map(\.flushes)
    try group[0].receive(call(1, .adminServicePing, "wake"))
    // Behind the turn that was asked for, and before any that it asks for.
    let flushed = NIOLoopBoundBox([Int](), eventLoop: group.loop)
    let bound = NIOLoopBound(valves, eventLoop: group.loop)
    group.loop.execute { flushed.value = bound.value.map(\.flushes) }
    group.loop.run()
    #expect(flushed.value == flushes.map { $0 + 1 })
    #expect(valves.map(\.flushes) == flushes.map { $0 + 1 })
    for other in others { #expect(try group[other].received().map(\.text) == ["news"]) }
    #expect(group.dispatcher.turns == [[1], [1], [1]])
  }

  @Test(arguments: [4, 5])
  func `up to four connections that are answered in another's turn are flushed before it, more of them behind it`(
    count: Int
  ) throws {
    let group = try Group(count + 1)
    for other in 1...count { try group[other].send(call(7, .logServiceFetch, "parked \(other)")) }
    let parked = try (1...count).map { try group.taken("parked \($0)") }
    let places = NIOLoopBoundBox([Bool](), eventLoop: group.loop)
    group.script.at("wake") {
      for taken in parked {
        places.value.append(taken.connection.takePlaceInTurn())
        taken.connection.respond(.message(ByteBuffer(string: "news")), to: taken.call.id)
      }
    }
    #expect(!group[1].handler.takePlaceInTurn(), "there is no turn")
    var order: [Int] = []
    for index in 0...count { group[index].valve.onFlush = { order.append(index) } }
    try group[0].send(call(1, .adminServicePing, "wake"))
    #expect(order.count == count + 1)
    #expect(order == (count > 4 ? Array(0...count) : Array(1...count) + [0]))
    #expect(places.value == (0..<count).map { $0 < 4 })
  }

  @Test func `where turns are of one connection each, the next one is had at once, if the last was a while ago`() throws
  {
    let group = try Group(3)
    var turnCount = 0
    /// Whether what `index` reads is dispatched before the loop has looked at other sockets.
    func isAtOnce(_ index: Int, after pause: TimeAmount = .microseconds(30)) throws -> Bool {
      group.loop.advanceTime(by: pause)
      try group[index].receive(call(UInt64(turnCount + 1)))
      let isAtOnce = group.dispatcher.turns.count > turnCount
      group.loop.run()
      turnCount = group.dispatcher.turns.count
      return isAtOnce
    }
    for index in [0, 1, 0, 1] { #expect(try !isAtOnce(index)) }
    for index in [0, 1, 2] { #expect(try isAtOnce(index)) }
    #expect(try !isAtOnce(1, after: .microseconds(29)), "it may have come with the one before")
    #expect(try isAtOnce(1, after: .microseconds(29)), "the same one as before")
    group.loop.advanceTime(by: .microseconds(30))
    try group[0].receive(call(100))
    try group[1].receive(call(100))
    try group[2].receive(call(100))
    group.loop.run()
    #expect(group.dispatcher.turns.last == [1, 1])
    turnCount = group.dispatcher.turns.count
    #expect(try !isAtOnce(0), "the last turn was of two")
  }

  @Test func `a connection of the turn that is answered by another's call is flushed once`() throws {
    let group = try Group(2)
    try group[1].send(call(7, .logServiceFetch, "parked"))
    let parked = try group.taken("parked")
    group.script.at("wake") { parked.connection.respond(.message(ByteBuffer(string: "news")), to: parked.call.id) }
    let flushes = group[1].valve.flushes
    try group[0].receive(call(1, .adminServicePing, "wake"))
    try group[1].receive(call(8, .adminServicePing, "own"))
    group.loop.run()
    #expect(try group[1].received().map(\.text) == ["news", "own"])
    #expect(group[1].valve.flushes == flushes + 1)
  }

  @Test func `what a dispatcher leaves is offered again, in order and together`() throws {
    let group = try Group(2, mostTaken: 2)
    try group[0].receive(joined((1...5).map { try call($0, .adminServicePing, "a\($0)") }))
    try group[1].receive(joined((1...3).map { try call($0, .adminServicePing, "b\($0)") }))
    group.loop.run()
    #expect(group.dispatcher.turns == [[5, 3], [3, 1], [1]])
    #expect(try group[0].received().map(\.text) == ["a1", "a2", "a3", "a4", "a5"])
    #expect(try group[1].received().map(\.text) == ["b1", "b2", "b3"])
    #expect(group.budget.usedBytes == 0)
  }

  @Test func `what comes meanwhile goes behind what a dispatcher left`() throws {
    let group = try Group(1, mostTaken: 1)
    try group[0].receive(joined((1...3).map { try call($0, .adminServicePing, "\($0)") }))
    let frame = try call(4, .adminServicePing, "4")
    let channel = group[0].channel
    // Behind the first turn.
    group.loop.execute { _ = try? channel.writeInbound(frame) }
    group.loop.run()
    #expect(group.dispatcher.turns.first == [3])
    #expect(try group[0].received().map(\.id) == [1, 2, 3, 4])
  }

  // MARK: Connections that close meanwhile

  private func expectGone(_ group: Group, _ index: Int, sourceLocation: SourceLocation = #_sourceLocation) throws {
    #expect(!group[index].channel.isActive, sourceLocation: sourceLocation)
    #expect(group.dispatcher.closed == 1, sourceLocation: sourceLocation)
    #expect(group.budget.usedBytes == 0, sourceLocation: sourceLocation)
    // The others go on.
    for (other, connection) in group.connections.enumerated() where other != index {
      try connection.send(call(99, .adminServicePing, "still here"))
      #expect(try connection.received().map(\.text) == ["still here"], sourceLocation: sourceLocation)
    }
  }

  @Test func `a connection that closes between its read and its turn takes no part`() throws {
    let group = try Group(3)
    for connection in group.connections { try connection.receive(call(1)) }
    group[1].channel.close(promise: nil)
    group.loop.run()
    #expect(group.dispatcher.turns == [[1, 1]])
    #expect(try group[0].received().map(\.id) == [1])
    #expect(try group[2].received().map(\.id) == [1])
    try expectGone(group, 1)
  }

  @Test(arguments: 0..<3)
  func `a connection that closes while calls are dispatched leaves the others their answers`(closing: Int) throws {
    let group = try Group(3)
    let channel = group[closing].channel
    group.script.at("close") { channel.close(promise: nil) }
    try group[0].receive(call(1, .adminServicePing, "a"))
    try group[1].receive(call(1, .adminServicePing, "close"), call(2, .adminServicePing, "b"))
    try group[2].receive(call(1, .adminServicePing, "c"))
    group.loop.run()
    let expected = [["a"], ["close", "b"], ["c"]]
    for other in 0..<3 where other != closing { #expect(try group[other].received().map(\.text) == expected[other]) }
    #expect(try group[closing].received().isEmpty)
    // Nothing more of a closed connection is taken.
    #expect(group.dispatcher.taken.count == [4, 3, 3][closing])
    try expectGone(group, closing)
  }

  @Test func `a connection that closes after it was answered in another's turn does no harm`() throws {
    let group = try Group(2)
    try group[1].send(call(7, .logServiceFetch, "parked"))
    let parked = try group.taken("parked")
    let channel = group[1].channel
    group.script.at("wake") {
      parked.connection.respond(.message(ByteBuffer(string: "news")), to: parked.call.id)
      channel.close(promise: nil)
      parked.connection.respond(.message(ByteBuffer(string: "late")), to: parked.call.id)
    }
    try group[0].send(call(1, .adminServicePing, "wake"))
    #expect(try group[0].received().map(\.text) == ["wake"])
    #expect(try group[1].received().isEmpty)
    try expectGone(group, 1)
  }

  @Test func `a connection that ends itself in a turn leaves the others theirs`() throws {
    let group = try Group(3)
    let broken = ByteBuffer(bytes: [0, 0, 0, 4, 0, 2, 0x08, 0x80])
    try group[0].receive(call(1))
    try group[1].receive(call(1), broken)
    try group[2].receive(call(1))
    group.loop.run()
    #expect(group.dispatcher.turns == [[1, 1, 1]])
    #expect(try group[1].received().map(\.id) == [1, 0])
    for other in [0, 2] { #expect(try group[other].received().map(\.id) == [1]) }
    try expectGone(group, 1)
  }
}
