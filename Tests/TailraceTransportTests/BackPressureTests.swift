import NIOCore
import NIOEmbedded
import TailraceTransport
import TailraceWire
import Testing

@Suite struct BackPressureTests {
  private let kib = String(repeating: "x", count: 1024)

  @Test func `past the output limit calls wait, reading stops, and both go on when the output is sent`() throws {
    let connection = try EmbeddedConnection(limits: ConnectionLimits(maxBytesInFlight: 10 << 10))
    connection.valve.isShut = true
    let reads = connection.valve.reads
    try connection.send(joined((1...30).map { try call($0, .adminServicePing, kib) }))
    #expect(connection.dispatcher.taken.count == 10)
    #expect(connection.valve.heldBytes < 12 << 10)
    #expect(!connection.handler.acceptsCalls)
    #expect(connection.valve.reads == reads)
    try connection.valve.open(connection.channel)
    #expect(try connection.received().map(\.id) == Array(1...30))
    #expect(connection.handler.acceptsCalls)
    #expect(connection.valve.reads == reads + 1)
    #expect(connection.budget.usedBytes == 0)
  }

  @Test func `parked calls never stop the reading`() throws {
    let connection = try EmbeddedConnection(limits: ConnectionLimits(maxBytesInFlight: 10 << 10))
    let reads = connection.valve.reads
    for id in 1...100 as ClosedRange<UInt64> { try connection.send(call(id, .logServiceFetch, kib)) }
    #expect(connection.dispatcher.taken.count == 100)
    #expect(connection.valve.reads == reads + 100)
  }

  @Test func `a call cancelled behind one that waits holds no memory any more`() throws {
    let connection = try EmbeddedConnection(FakeDispatcher(mostTaken: 0) { _ in nil })
    try connection.send(call(1))
    var frame = try call(2, .adminServicePing, kib)
    func address() -> UInt { frame.withVeryUnsafeBytes { UInt(bitPattern: $0.baseAddress) } }
    try connection.channel.writeInbound(frame)
    try connection.send(requestFrame(RequestHeader(callID: 2, cancel: true)))
    #expect(try connection.received().map(\.code) == [.cancelled])
    // A buffer that nobody else has keeps its memory when it is cleared.
    let before = address()
    frame.clear()
    #expect(address() == before)
    #expect(connection.dispatcher.taken.isEmpty)
  }

  @Test func `large answers to calls taken earlier are refused when twice the limit waits to be read`() throws {
    let connection = try EmbeddedConnection(limits: ConnectionLimits(maxBytesInFlight: 100 << 10))
    try connection.send(joined((1...10).map { try call($0, .logServiceFetch) }))
    connection.valve.isShut = true
    for taken in connection.dispatcher.taken.prefix(9) {
      taken.connection.respond(.message(ByteBuffer(repeating: 1, count: 64 << 10)), to: taken.call.id)
      connection.channel.embeddedEventLoop.run()
    }
    let last = try #require(connection.dispatcher.taken.last)
    last.connection.respond(.message(ByteBuffer(repeating: 2, count: 10)), to: last.call.id)
    connection.channel.embeddedEventLoop.run()
    #expect(connection.valve.heldBytes < 270 << 10)
    try connection.valve.open(connection.channel)
    let answers = try connection.received()
    #expect(answers.map(\.id) == Array(1...10))
    #expect(answers.prefix(4).allSatisfy { $0.code == .ok })
    #expect(answers.dropFirst(4).prefix(5).allSatisfy { $0.code == .resourceExhausted })
    #expect(answers.last?.code == .ok)
  }

  @Test func `answers that come together on the loop leave in one write`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(joined((1...50).map { try call($0, .logServiceFetch) }))
    let flushes = connection.valve.flushes
    for taken in connection.dispatcher.taken { taken.connection.respond(.message(ByteBuffer()), to: taken.call.id) }
    #expect(connection.valve.flushes == flushes)
    #expect(try connection.received().count == 50)
    #expect(connection.valve.flushes == flushes + 1)
  }

  @Test func `when the process's memory is used up, connections pause and go on when there is room`() throws {
    let budget = MemoryBudget(limitBytes: 100 << 10)
    let connection = try EmbeddedConnection(budget: budget)
    budget.charge(100 << 10)
    let large = String(repeating: "x", count: 20 << 10)
    var half = try call(1, .adminServicePing, large)
    let begun = half.readSlice(length: 18 << 10)
    let reads = connection.valve.reads
    try connection.send(#require(begun))
    #expect(connection.valve.reads == reads)
    budget.release(20 << 10)
    connection.channel.embeddedEventLoop.run()
    #expect(connection.valve.reads == reads + 1)
    try connection.send(half)
    #expect(try connection.received().map(\.id) == [1])
    #expect(budget.usedBytes == 80 << 10)
  }

  @Test func `a connection that holds nothing gets on though others have used the memory up`() throws {
    let budget = MemoryBudget(limitBytes: 100 << 10)
    budget.charge(120 << 10)
    let connection = try EmbeddedConnection(budget: budget)
    try connection.send(call(1, .adminServicePing, "still here"))
    #expect(try connection.received().map(\.text) == ["still here"])
  }

  @Test func `the budget wakes whoever waits, once, as soon as there is room`() {
    let budget = MemoryBudget(limitBytes: 10)
    let loop = EmbeddedEventLoop()
    let woken = NIOLoopBoundBox(0, eventLoop: loop)
    budget.charge(11)
    budget.whenThereIsRoom { woken.value += 1 }
    budget.release(1)
    #expect(woken.value == 0)
    budget.release(1)
    #expect(woken.value == 1)
    budget.release(1)
    #expect(woken.value == 1)
    budget.whenThereIsRoom { woken.value += 1 }
    #expect(woken.value == 2)
  }
}
