import NIOCore
import NIOEmbedded
@testable import TailraceTransport
import TailraceWire
import Testing

@Suite struct TimerTests {
  @Test func `a parked call is answered at its deadline and not before`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(1, .logServiceFetch, timeoutMs: 500))
    connection.advance(.milliseconds(499))
    #expect(try connection.received().isEmpty)
    connection.advance(.milliseconds(1))
    #expect(try connection.received().map(\.code) == [.deadlineExceeded])
    #expect(connection.dispatcher.abandoned == connection.dispatcher.taken.map(\.call.id))
  }

  @Test func `deadlines are kept in whatever order they are set`() throws {
    let connection = try EmbeddedConnection()
    for (id, ms) in [(1, 300), (2, 100), (3, 200), (4, 0)] as [(UInt64, UInt32)] {
      try connection.send(call(id, .logServiceFetch, timeoutMs: ms))
    }
    var order: [UInt64] = []
    for _ in 0..<40 {
      connection.advance(.milliseconds(10))
      order += try connection.received().map(\.id)
    }
    #expect(order == [2, 3, 1])
  }

  @Test func `the longest time-out that fits is accepted`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(1, .logServiceFetch, timeoutMs: .max))
    #expect(connection.dispatcher.taken.count == 1)
  }

  @Test func `a call whose deadline passes in the queue is not executed`() throws {
    let limits = ConnectionLimits(maxBytesInFlight: 1000, stallTimeout: .hours(1))
    let connection = try EmbeddedConnection(limits: limits)
    connection.valve.isShut = true
    let large = String(repeating: "x", count: 1000)
    try connection.send(call(1, .adminServicePing, large), call(2, .adminServicePing, timeoutMs: 50), call(3))
    #expect(connection.dispatcher.taken.count == 1)
    connection.advance(.milliseconds(60))
    try connection.valve.open(connection.channel)
    let answers = try connection.received()
    #expect(answers.map(\.id) == [1, 2, 3])
    #expect(answers.map(\.code) == [.ok, .deadlineExceeded, .ok])
    #expect(connection.dispatcher.taken.count == 2)
    #expect(connection.dispatcher.abandoned.isEmpty)
  }

  @Test func `an idle connection is closed, one with a call in flight is not`() throws {
    let idle = try EmbeddedConnection()
    let busy = try EmbeddedConnection()
    try busy.send(call(1, .logServiceFetch))
    for connection in [idle, busy] { connection.advance(.minutes(9)) }
    #expect(idle.channel.isActive)
    for connection in [idle, busy] { connection.advance(.minutes(2)) }
    #expect(!idle.channel.isActive)
    #expect(idle.dispatcher.closed == 1)
    #expect(busy.channel.isActive)
  }

  @Test func `traffic keeps a connection open`() throws {
    let connection = try EmbeddedConnection()
    for id in 1...5 as ClosedRange<UInt64> {
      connection.advance(.minutes(8))
      try connection.send(call(id))
    }
    #expect(connection.channel.isActive)
    #expect(try connection.received().count == 5)
  }

  @Test func `a peer that does not read its answers is cut off`() throws {
    let connection = try EmbeddedConnection()
    connection.valve.isShut = true
    try connection.send(call(1))
    connection.advance(.seconds(29))
    #expect(connection.channel.isActive)
    connection.advance(.seconds(30))
    #expect(!connection.channel.isActive)
  }

  @Test func `answers that pile up do not count as read`() throws {
    let connection = try EmbeddedConnection()
    connection.valve.isClogged = true
    for id in 1...59 as ClosedRange<UInt64> where connection.channel.isActive {
      try connection.send(call(id))
      connection.advance(.seconds(1))
      if id == 29 { #expect(connection.channel.isActive) }
    }
    #expect(!connection.channel.isActive)
  }

  @Test func `a peer's time to read begins with the first answer to be read`() throws {
    let connection = try EmbeddedConnection(
      FakeDispatcher { _ in .message(ByteBuffer(repeating: 1, count: 100_000)) })
    connection.advance(.minutes(9))
    connection.valve.isClogged = true
    try connection.send(call(1))
    connection.advance(.seconds(29))
    #expect(connection.channel.isActive)
    connection.advance(.seconds(30))
    #expect(!connection.channel.isActive)
  }

  @Test func `only bytes that left are progress`() {
    func seconds(_ count: UInt64) -> NIODeadline { .uptimeNanoseconds(count * 1_000_000_000) }
    var progress = WriteProgress(at: seconds(0))
    progress.hand(100, wasEmpty: true, at: seconds(1))
    #expect(progress.lastAt == seconds(1))
    progress.hand(50, wasEmpty: false, at: seconds(2))
    progress.note(left: 150, at: seconds(3))
    #expect(progress.lastAt == seconds(1))
    progress.note(left: 149, at: seconds(4))
    #expect(progress.lastAt == seconds(4))
    // Ten of them left, eleven came: the backlog grew, and yet there was progress.
    progress.hand(11, wasEmpty: false, at: seconds(5))
    progress.note(left: 150, at: seconds(6))
    #expect(progress.lastAt == seconds(6))
    progress.note(left: 150, at: seconds(7))
    #expect(progress.lastAt == seconds(6))
  }

  @Test func `a frame begun and never completed ends the connection`() throws {
    let connection = try EmbeddedConnection()
    var half = try call(1, .adminServicePing, "some message")
    half.moveWriterIndex(to: half.writerIndex - 3)
    try connection.send(half)
    connection.advance(.seconds(29))
    #expect(connection.channel.isActive)
    connection.advance(.seconds(30))
    #expect(try connection.received().map(\.code) == [.deadlineExceeded])
    #expect(!connection.channel.isActive)
    #expect(connection.budget.usedBytes == 0)
  }
}
