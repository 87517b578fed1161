import NIOCore
import NIOEmbedded
@testable import TailraceTransport
import TailraceWire
import Testing

@Suite struct BudgetTests {
  private let budget = MemoryBudget(limitBytes: 16 << 20)

  private func connection() throws -> EmbeddedConnection {
    try EmbeddedConnection(budget: budget)
  }

  /// Answers the oldest parked call that has none yet.
  private func answer(_ index: Int, _ connection: EmbeddedConnection, bytes: Int) throws {
    let taken = try #require(connection.dispatcher.taken.dropFirst(index).first)
    taken.connection.respond(.message(ByteBuffer(repeating: 1, count: bytes)), to: taken.call.id)
    connection.channel.embeddedEventLoop.run()
  }

  @Test func `others who overdraw the memory cost a light connection neither small nor large answers`() throws {
    let light = try connection()
    budget.charge(24 << 20)
    try light.send(call(1, .logServiceFetch), call(2, .adminServicePing, "small"))
    try answer(0, light, bytes: 2 << 20)
    let answers = try light.received()
    #expect(answers.map(\.id) == [2, 1])
    #expect(answers.allSatisfy { $0.code == .ok })
    #expect(light.channel.isActive)
  }

  @Test func `who lets much output wait gets no further large answer while the memory is overdrawn`() throws {
    let heavy = try connection()
    try heavy.send(joined((1...4).map { try call($0, .logServiceFetch) }))
    heavy.valve.isShut = true
    try answer(0, heavy, bytes: 1 << 20)
    try answer(1, heavy, bytes: 64 << 10)
    budget.charge(20 << 20)
    try answer(2, heavy, bytes: 64 << 10)
    try answer(3, heavy, bytes: 1000)
    try heavy.valve.open(heavy.channel)
    let answers = try heavy.received()
    #expect(answers.map(\.code) == [.ok, .ok, .resourceExhausted, .ok])
    #expect(answers[2].error == .limitReached)
    #expect(answers[2].text.contains("by all connections together, and 1114"))
  }

  @Test func `at twice the memory only small answers are given, and a light connection is told why`() throws {
    let light = try connection()
    budget.charge(32 << 20)
    try light.send(call(1, .logServiceFetch), call(2, .adminServicePing, "small"))
    try answer(0, light, bytes: 64 << 10)
    let answers = try light.received()
    #expect(answers.map(\.code) == [.ok, .resourceExhausted])
    #expect(answers.last?.text.contains("try again later") == true)
    #expect(light.channel.isActive)
  }

  @Test func `while the memory is used up, who holds much of it and reads nothing is cut off early`() throws {
    let heavy = try connection()
    let light = try connection()
    for (connection, bytes) in [(heavy, 3 << 19), (light, 1 << 19)] {
      try connection.send(call(1, .logServiceFetch))
      connection.valve.isClogged = true
      try answer(0, connection, bytes: bytes)
      connection.advance(.seconds(10))
      #expect(connection.channel.isActive)
    }
    budget.charge(16 << 20)
    for connection in [heavy, light] { connection.advance(.seconds(5)) }
    #expect(!heavy.channel.isActive)
    #expect(light.channel.isActive)
    // What the one held is given back.
    #expect(budget.usedBytes < (16 << 20) + (1 << 20))
  }

  @Test func `who holds much but goes on reading is not cut off, nor who held much`() throws {
    let heavy = try connection()
    budget.charge(16 << 20)
    try heavy.send(joined((1...21).map { try call($0, .logServiceFetch) }))
    for index in 0..<20 {
      heavy.valve.isClogged = true
      try answer(index, heavy, bytes: 3 << 19)
      heavy.advance(.seconds(3))
      #expect(heavy.channel.isActive)
      heavy.valve.isClogged = false
      heavy.channel.flush()
      heavy.channel.embeddedEventLoop.run()
    }
    heavy.valve.isClogged = true
    try answer(20, heavy, bytes: 1 << 19)
    heavy.advance(.seconds(20))
    #expect(heavy.channel.isActive)
    #expect(try heavy.received().count == 20)
  }

  @Test func `a request of a light connection that waits for memory gets on in time`() throws {
    let light = try connection()
    budget.charge(16 << 20)
    var rest = try call(1, .adminServicePing, String(repeating: "x", count: 200_000))
    var steps = 0
    while let part = rest.readSlice(length: min(50_000, rest.readableBytes)), part.readableBytes > 0 {
      let reads = light.valve.reads
      try light.send(part)
      #expect(light.valve.reads == reads)
      light.advance(.seconds(15))
      #expect(light.valve.reads == reads + 1)
      steps += 1
    }
    #expect(steps == 5)
    #expect(try light.received().map(\.id) == [1])
    #expect(light.channel.isActive)
  }

  @Test func `who is let past the budget and sends nothing more of its frame is told to go`() throws {
    let light = try connection()
    budget.charge(16 << 20)
    var half = try call(1, .adminServicePing, String(repeating: "x", count: 50_000))
    half.moveWriterIndex(to: half.writerIndex - 1)
    try light.send(half)
    light.advance(.seconds(44))
    #expect(light.channel.isActive)
    light.advance(.seconds(16))
    #expect(try light.received().map(\.code) == [.deadlineExceeded])
  }

  @Test func `who holds much of the memory for a request does not wait for more for ever`() throws {
    let heavy = try connection()
    let queued = try connection()
    budget.charge(16 << 20)
    let large = try call(1, .adminServicePing, String(repeating: "x", count: 2 << 20))
    var half = large
    half.moveWriterIndex(to: half.writerIndex - 1)
    try heavy.send(half)
    try queued.send(large)
    for connection in [heavy, queued] { connection.advance(.seconds(29)) }
    #expect(try heavy.received().isEmpty && queued.received().isEmpty)
    for connection in [heavy, queued] { connection.advance(.seconds(16)) }
    #expect(try heavy.received().map(\.id) == [0])
    let refused = try queued.received()
    #expect(refused.map(\.id) == [1] && refused.map(\.code) == [.resourceExhausted])
    #expect(queued.channel.isActive && queued.dispatcher.taken.isEmpty)
    #expect(budget.usedBytes == 16 << 20)
  }

  @Test func `an answer from another thread is charged from the moment it is given, and once`() throws {
    let connection = try connection()
    try connection.send(joined((1...2).map { try call($0, .logServiceFetch) }))
    connection.valve.isShut = true
    let answer = Response.message(ByteBuffer(repeating: 1, count: 100_000))
    let isFirst = connection.dispatcher.taken.map { connection.handler.outbox.add(answer, to: $0.call.id) }
    #expect(isFirst == [true, false])
    #expect(budget.usedBytes == 200_000)
    // The loop's next turn.
    try connection.send(call(3))
    #expect(connection.valve.heldBytes == budget.usedBytes && budget.usedBytes < 200_100)
    try connection.valve.open(connection.channel)
    #expect(budget.usedBytes == 0)
    #expect(try connection.received().map(\.id) == [1, 2, 3])
  }

  @Test func `answers from other threads that nobody takes any more are not charged for ever`() throws {
    let outbox = Outbox(budget: budget)
    let chunks = [Chunk.bytes(ByteBuffer(repeating: 1, count: 1000)), .bytes(ByteBuffer(repeating: 1, count: 24))]
    #expect(outbox.add(.chunks(chunks), to: CallID(rawValue: 1)))
    #expect(budget.usedBytes == 1024)
    let taken = outbox.takeAll()
    #expect(taken.items.count == 1 && taken.chargedBytes == 1024)
    // Left to whoever took them.
    #expect(budget.usedBytes == 1024)
    #expect(outbox.add(.chunks(chunks), to: CallID(rawValue: 2)))
    outbox.close()
    outbox.close()
    #expect(!outbox.add(.chunks(chunks), to: CallID(rawValue: 3)))
    #expect(budget.usedBytes == 1024)
    #expect(outbox.takeAll().items.isEmpty)
  }
}
