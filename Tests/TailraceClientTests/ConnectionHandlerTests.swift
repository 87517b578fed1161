import NIOCore
import NIOEmbedded
import Synchronization
import TailraceWire
import Testing

@testable import TailraceClient

/// A connection without a socket: its time stands still until it is moved, and the test is the server.
private final class EmbeddedClient {
  let loop = EmbeddedEventLoop()
  let channel: EmbeddedChannel
  let handler: ClientConnectionHandler
  let answers = Recorder<String>()
  private let events: Recorder<ConnectionEvent>
  private var lastID: UInt64 = 0
  private var decoder = FrameDecoder()
  private let encoder = FrameEncoder(arena: Arena())

  init() throws {
    let events = Recorder<ConnectionEvent>()
    self.events = events
    handler = ClientConnectionHandler(eventLoop: loop, configuration: .default, server: "there") { events.add($0) }
    channel = EmbeddedChannel(handler: handler, loop: loop)
    channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    var preface = ByteBuffer()
    ServerPreface(answering: ClientPreface()).write(to: &preface)
    try channel.writeInbound(preface)
    _ = try channel.readOutbound(as: ByteBuffer.self)
  }

  var isReconnectAdvised: Bool {
    events.all.contains { if case .reconnectAdvised = $0 { true } else { false } }
  }

  func call(_ text: String) {
    lastID += 1
    handler.submit(
      .call(
        OutboundCall(
          id: lastID, method: .adminServicePing, message: ByteBuffer(string: text), payload: nil,
          options: CallOptions(), madeAt: loop.now,
          completion: { [answers] in answers.add((try? $0.get()).map { String(buffer: $0) } ?? "failed") })))
    loop.run()
  }

  /// The messages of the requests that were sent since it was last asked.
  func sent() throws -> [String] {
    while let bytes = try channel.readOutbound(as: ByteBuffer.self) { decoder.receive(bytes) }
    var texts: [String] = []
    while let frame = try decoder.next() { texts.append(String(buffer: frame.message)) }
    return texts
  }

  func answer(_ id: UInt64, throttleMs: UInt32 = 0, reconnectAdvised: Bool = false) throws {
    var header = ResponseHeader()
    header.callID = id
    header.endOfStream = true
    header.throttleMs = throttleMs
    header.reconnectAdvised = reconnectAdvised
    var bytes = ByteBuffer()
    try encoder.writeResponse(header, message: ByteBuffer(string: "answer \(id)"), to: &bytes)
    try channel.writeInbound(bytes)
  }
}

@Suite struct ConnectionHandlerTests {
  @Test func `a server that asks for a pause gets no call before it is over`() throws {
    let client = try EmbeddedClient()
    client.call("a")
    #expect(try client.sent() == ["a"])
    try client.answer(1, throttleMs: 500)
    client.call("b")
    client.call("c")
    client.loop.advanceTime(by: .milliseconds(499))
    #expect(try client.sent().isEmpty)
    client.loop.advanceTime(by: .milliseconds(1))
    #expect(try client.sent() == ["b", "c"])
  }

  @Test func `no pause is longer than a minute, whatever the server asks for`() throws {
    let client = try EmbeddedClient()
    client.call("a")
    try client.answer(1, throttleMs: .max)
    client.call("b")
    _ = try client.sent()
    client.loop.advanceTime(by: .minutes(1))
    #expect(try client.sent() == ["b"])
  }

  @Test func `a server's advice to connect anew is passed on, with the answer it came with`() throws {
    let client = try EmbeddedClient()
    client.call("a")
    #expect(!client.isReconnectAdvised)
    try client.answer(1, reconnectAdvised: true)
    #expect(client.isReconnectAdvised)
    #expect(client.answers.all == ["answer 1"])
  }

  @Test func `a connection that is retired closes when its last call is answered`() throws {
    let client = try EmbeddedClient()
    client.call("a")
    client.handler.submit(.retire)
    client.loop.run()
    #expect(client.channel.isActive)
    try client.answer(1)
    #expect(!client.channel.isActive)
    #expect(client.answers.all == ["answer 1"])
  }
}
