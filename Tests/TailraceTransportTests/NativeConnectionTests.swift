import NIOCore
import NIOEmbedded
import TailraceTransport
import TailraceWire
import Testing

@Suite struct NativeConnectionTests {
  @Test func `a call is answered under its number`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(7, .adminServicePing, "hello"))
    let answers = try connection.received()
    #expect(answers.map(\.id) == [7])
    #expect(answers.first?.text == "hello")
    #expect(answers.first?.code == .ok)
  }

  @Test func `calls of one read are offered together, answered in one write, and flushed once`() throws {
    let connection = try EmbeddedConnection()
    let flushes = connection.valve.flushes
    try connection.send(joined((1...100).map { try call($0, .adminServicePing, "\($0)") }))
    #expect(connection.dispatcher.offers == [100])
    #expect(connection.valve.flushes == flushes + 1)
    let first = try #require(try connection.channel.readOutbound(as: IOData.self))
    #expect(try connection.channel.readOutbound(as: IOData.self) == nil)
    guard case .byteBuffer(let bytes) = first else { return #expect(Bool(false)) }
    #expect(try answers(bytes).map(\.id) == Array(1...100))
  }

  @Test func `the output buffer of one batch is not overwritten by the next`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(1, .adminServicePing, "first"))
    try connection.send(call(2, .adminServicePing, "second"))
    #expect(try connection.received().map(\.text) == ["first", "second"])
  }

  @Test func `handlers see deadline, metadata, peer and door`() throws {
    let connection = try EmbeddedConnection()
    connection.advance(.seconds(3))
    let header = RequestHeader(
      callID: 1, method: RPCMethod.logServiceFetch.fullName, timeoutMs: 1500,
      metadata: [Metadata(key: "trace", value: "t1")])
    try connection.send(requestFrame(header))
    let taken = try #require(connection.dispatcher.taken.first)
    let context = taken.call.context(on: taken.connection)
    #expect(context.deadline == connection.channel.eventLoop.now + .milliseconds(1500))
    #expect(context.metadata == [Metadata(key: "trace", value: "t1")])
    #expect(context.peer == "127.0.0.1:9")
    #expect(context.door == .native)
  }

  @Test func `an unknown method is answered and the connection goes on`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(requestFrame(RequestHeader(callID: 3, method: "tailrace.v1.LogService/Nope")), call(4))
    let answers = try connection.received()
    #expect(answers.map(\.id).sorted() == [3, 4])
    let refused = try #require(answers.first { $0.id == 3 })
    #expect(refused.code == .unimplemented)
    #expect(refused.text.contains("tailrace.v1.LogService/Nope"))
  }

  @Test func `too much metadata fails its call alone`() throws {
    let connection = try EmbeddedConnection()
    for (id, count, code) in [(1, 64, StatusCode.ok), (2, 65, .invalidArgument)] {
      let metadata = Array(repeating: Metadata(key: "k", value: "v"), count: count)
      let method = RPCMethod.adminServicePing.fullName
      try connection.send(requestFrame(RequestHeader(callID: UInt64(id), method: method, metadata: metadata)))
      #expect(try connection.received().map(\.code) == [code])
    }
  }

  private func expectEnd(
    _ connection: EmbeddedConnection, _ code: StatusCode, after ids: [UInt64] = [], says text: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let answers = try connection.received()
    #expect(answers.map(\.id) == ids + [0], sourceLocation: sourceLocation)
    #expect(answers.last?.code == code, sourceLocation: sourceLocation)
    #expect(answers.last?.text.contains(text) == true, "\(answers)", sourceLocation: sourceLocation)
    #expect(!connection.channel.isActive, sourceLocation: sourceLocation)
    #expect(connection.dispatcher.closed == 1, sourceLocation: sourceLocation)
  }

  @Test func `what came before a malformed header is answered, then the connection ends`() throws {
    let connection = try EmbeddedConnection()
    let broken = ByteBuffer(bytes: [0, 0, 0, 4, 0, 2, 0x08, 0x80])
    try connection.send(call(1), broken, call(2))
    try expectEnd(connection, .invalidArgument, after: [1], says: "not well-formed")
    #expect(connection.dispatcher.taken.count == 1)
  }

  @Test func `a frame too long ends the connection with RESOURCE_EXHAUSTED`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(ByteBuffer(integer: UInt32(16 << 20) + 1))
    try expectEnd(connection, .resourceExhausted, says: "16777217 bytes is too long")
  }

  @Test func `a call number 0 ends the connection`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(requestFrame(RequestHeader(method: RPCMethod.adminServicePing.fullName)))
    try expectEnd(connection, .invalidArgument, says: "call_id is 0")
  }

  @Test func `a call that names no method is refused alone`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(requestFrame(RequestHeader(callID: 5, timeoutMs: 100), ByteBuffer(string: "x")), call(6))
    let answers = try connection.received()
    #expect(answers.map(\.id).sorted() == [5, 6])
    let refused = try #require(answers.first { $0.id == 5 })
    #expect(refused.code == .invalidArgument && refused.error == .invalidRequest)
    #expect(refused.text.contains("names no method"))
    #expect(connection.channel.isActive)
  }

  @Test func `a call that names no method, under a number in flight, ends the connection`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(5, .logServiceFetch), requestFrame(RequestHeader(callID: 5)))
    try expectEnd(connection, .invalidArgument, says: "call_id 5 is in flight already")
  }

  @Test func `a call number in flight already ends the connection, and neither call is answered under it`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(5, .logServiceFetch), call(5))
    try expectEnd(connection, .invalidArgument, says: "call_id 5 is in flight already")
  }

  @Test func `a call number may be used again once it is answered`() throws {
    let connection = try EmbeddedConnection()
    for _ in 0..<3 { try connection.send(call(5)) }
    #expect(try connection.received().map(\.id) == [5, 5, 5])
  }

  @Test func `the late answer to a cancelled call is not taken for that of a new one`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(5, .logServiceFetch))
    try connection.send(requestFrame(RequestHeader(callID: 5, cancel: true)), call(5, .logServiceFetch))
    let (old, new) = (connection.dispatcher.taken[0], connection.dispatcher.taken[1])
    old.connection.respond(.message(ByteBuffer(string: "old")), to: old.call.id)
    new.connection.respond(.message(ByteBuffer(string: "new")), to: new.call.id)
    let answers = try connection.received()
    #expect(answers.map(\.code) == [.cancelled, .ok])
    #expect(answers.last?.text == "new")
  }

  @Test func `cancel answers CANCELLED, tells the dispatcher, and drops a later answer`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(5, .logServiceFetch))
    try connection.send(requestFrame(RequestHeader(callID: 5, cancel: true)))
    let taken = try #require(connection.dispatcher.taken.first)
    #expect(connection.dispatcher.abandoned == [taken.call.id])
    taken.connection.respond(.message(ByteBuffer()), to: taken.call.id)
    let answers = try connection.received()
    #expect(answers.map(\.id) == [5])
    #expect(answers.first?.code == .cancelled)
  }

  @Test func `a call cancelled in the read that brought it is never executed`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(5), requestFrame(RequestHeader(callID: 5, cancel: true)), call(6))
    #expect(connection.dispatcher.taken.count == 1)
    #expect(connection.dispatcher.abandoned.isEmpty)
    #expect(try connection.received().map(\.code) == [.cancelled, .ok])
  }

  @Test func `cancel and credit for an unknown call are ignored`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(
      requestFrame(RequestHeader(callID: 8, cancel: true)), requestFrame(RequestHeader(callID: 8, credit: 4)), call(9))
    #expect(try connection.received().map(\.id) == [9])
  }

  @Test func `a call may bring credit with it`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(requestFrame(RequestHeader(callID: 5, method: RPCMethod.adminServicePing.fullName, credit: 9)))
    #expect(try connection.received().map(\.id) == [5])
  }

  @Test func `credit may reach 2^64 - 1 and no more`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(5, .logServiceFetch), requestFrame(RequestHeader(callID: 5, credit: .max)))
    #expect(connection.channel.isActive)
    try connection.send(requestFrame(RequestHeader(callID: 5, credit: 1)))
    try expectEnd(connection, .invalidArgument, says: "credit of call 5")
  }

  @Test func `the call past the limit is refused, and reading goes on`() throws {
    let connection = try EmbeddedConnection(limits: ConnectionLimits(maxCallsInFlight: 3))
    try connection.send(joined((1...4).map { try call($0, .logServiceFetch) }))
    let refused = try connection.received()
    #expect(refused.map(\.id) == [4])
    #expect(refused.first?.code == .resourceExhausted && refused.first?.error == .limitReached)
    try connection.send(requestFrame(RequestHeader(callID: 1, cancel: true)), call(5))
    #expect(try connection.received().map(\.code) == [.cancelled, .ok])
  }

  @Test func `an answer larger than a frame becomes a failure`() throws {
    // What requests are allowed does not bound answers.
    let limits = ConnectionLimits(frame: FrameLimits(maxFrameBytes: 1000))
    for (byteCount, code) in [(100_000, StatusCode.ok), (16 << 20, .resourceExhausted)] {
      let connection = try EmbeddedConnection(
        FakeDispatcher { _ in .message(ByteBuffer(repeating: 0, count: byteCount)) }, limits: limits)
      try connection.send(call(1))
      #expect(try connection.received().map(\.code) == [code])
    }
  }

  @Test func `chunks leave as one frame with the parts in order`() throws {
    let parts = [1, 40_000, 0, 5, 300_000, 32_768, 32_769].enumerated().map { index, count in
      ByteBuffer(repeating: UInt8(index), count: count)
    }
    let connection = try EmbeddedConnection(FakeDispatcher { _ in .chunks(parts.map { .bytes($0) }) })
    try connection.send(call(1), call(2))
    var decoder = FrameDecoder()
    decoder.receive(try connection.output())
    for id in [1, 2] as [UInt64] {
      let next = try decoder.next()
      let frame = try #require(next)
      #expect(try ResponseHeader(decoding: frame.header).callID == id)
      #expect(frame.message == joined(parts))
    }
  }

  @Test func `a connection that is gone is reported once and drops later answers`() throws {
    let connection = try EmbeddedConnection()
    try connection.send(call(1, .logServiceFetch))
    let taken = try #require(connection.dispatcher.taken.first)
    try connection.channel.close().wait()
    #expect(connection.dispatcher.closed == 1)
    taken.connection.respond(.message(ByteBuffer()), to: taken.call.id)
    connection.channel.embeddedEventLoop.run()
    #expect(connection.dispatcher.closed == 1)
    #expect(connection.budget.usedBytes == 0)
  }
}
