import NIOCore
import NIOEmbedded
import Synchronization
@testable import TailraceTransport
import TailraceWire
import Testing

/// Connections of the gRPC door in the turns of their event loop.
@Suite struct GRPCTurnTests {
  private let loop = EmbeddedEventLoop()
  private let dispatcher = FakeDispatcher.standard()

  /// - Parameter length: Of a turn; zero: each connection may take a few calls, and no more.
  private func connections(_ count: Int, length: TimeAmount = .milliseconds(1)) throws -> [EmbeddedGRPCConnection] {
    let turn = LoopTurn(eventLoop: loop, dispatcher: dispatcher, length: length, yield: nil)
    return try (0..<count).map { _ in
      let connection = try EmbeddedGRPCConnection(dispatcher, loop: loop, turn: turn)
      try connection.open()
      return connection
    }
  }

  private func calls(_ count: Int, of connection: EmbeddedGRPCConnection, _ text: String) throws -> ByteBuffer {
    joined(try (0..<count).map { try connection.call(UInt32(2 * $0 + 1), .adminServicePing, "\(text)\($0)") })
  }

  /// The streams that have ended. Those of one flush come in any order.
  private func ended(_ connection: EmbeddedGRPCConnection) throws -> [UInt32] {
    try connection.received().filter(\.isLast).map(\.stream).sorted()
  }

  private var taken: [String] { dispatcher.taken.map { String(buffer: $0.call.message) } }

  @Test func `calls of connections of both doors that read in the same pass are dispatched at once`() throws {
    let turn = LoopTurn(eventLoop: loop, dispatcher: dispatcher)
    let grpc = try EmbeddedGRPCConnection(dispatcher, loop: loop, turn: turn)
    let native = try EmbeddedConnection(dispatcher, loop: loop, turn: turn)
    try grpc.open()
    try grpc.receive(calls(2, of: grpc, "a"))
    try native.receive(call(1))
    loop.run()
    #expect(dispatcher.turns == [[2, 1]])
    #expect(try ended(grpc) == [1, 3])
    #expect(try native.received().map(\.id) == [1])
  }

  @Test func `a connection that pipelines many calls does not keep another from its turn`() throws {
    let connections = try connections(2, length: .zero)
    try connections[0].receive(calls(100, of: connections[0], "many "))
    try connections[1].receive(calls(1, of: connections[1], "one "))
    loop.run()
    #expect(try #require(taken.firstIndex(of: "one 0")) < 10)
    #expect(taken.count == 101)
    #expect(try ended(connections[0]).count == 100)
    #expect(try ended(connections[1]) == [1])
  }

  @Test func `one that comes while another's calls are taken has its turn before they are all taken`() throws {
    let connections = try connections(2, length: .zero)
    try connections[0].receive(calls(100, of: connections[0], "many "))
    let late = NIOLoopBound((connections[1].channel, try calls(1, of: connections[1], "late ")), eventLoop: loop)
    // Behind the first turn.
    loop.execute { _ = try? late.value.0.writeInbound(late.value.1) }
    loop.run()
    #expect(try #require(taken.firstIndex(of: "late 0")) < 20)
    #expect(taken.filter { $0.hasPrefix("many") } == (0..<100).map { "many \($0)" })
    #expect(taken.count == 101)
  }

  @Test func `a stream whose reader takes all that comes does not keep another from its turn`() throws {
    let dispatcher = Pump(messages: 200)
    let turn = LoopTurn(eventLoop: loop, dispatcher: dispatcher)
    let connections = try (0..<2).map { _ in try EmbeddedGRPCConnection(dispatcher, loop: loop, turn: turn) }
    for connection in connections { try connection.open(withWindows: Int32.max) }
    try connections[0].receive(connections[0].call(1, .logServiceSubscribe))
    let late = NIOLoopBound((connections[1].channel, try connections[1].call(1)), eventLoop: loop)
    // Behind the first turn.
    loop.execute { _ = try? late.value.0.writeInbound(late.value.1) }
    loop.run()
    #expect(dispatcher.sent == 200)
    #expect(try #require(dispatcher.sentBeforePing) <= 4 * GRPCConnectionHandler.streamOutputBytes / Pump.messageBytes)
  }

  @Test func `what a dispatcher leaves is offered again, in order`() throws {
    let dispatcher = FakeDispatcher(mostTaken: 2) { .message($0.message) }
    let connection = try EmbeddedGRPCConnection(dispatcher)
    try connection.open()
    try connection.send(calls(5, of: connection, ""))
    #expect(dispatcher.offers == [5, 3, 1])
    #expect(dispatcher.taken.map { String(buffer: $0.call.message) } == ["0", "1", "2", "3", "4"])
    #expect(try ended(connection) == [1, 3, 5, 7, 9])
  }

  @Test func `that a peer sends nothing more is told once all its calls are taken`() throws {
    let connections = try connections(1, length: .zero)
    try connections[0].receive(calls(20, of: connections[0], ""))
    connections[0].channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    loop.run()
    #expect(dispatcher.inputEnds == [20])
    #expect(try ended(connections[0]).count == 20)
  }

  @Test func `a call that is cancelled before its turn is not taken`() throws {
    let connections = try connections(1, length: .zero)
    try connections[0].receive(calls(20, of: connections[0], ""))
    let reset = EmbeddedGRPCConnection.frame(.reset, stream: 39, ByteBuffer(integer: UInt32(8)))
    let late = NIOLoopBound((connections[0].channel, reset), eventLoop: loop)
    loop.execute { _ = try? late.value.0.writeInbound(late.value.1) }
    loop.run()
    #expect(taken == (0..<19).map { "\($0)" })
    #expect(dispatcher.abandoned.isEmpty)
  }
}

/// Sends as many messages as there is credit for, and no more than so many in all. Answers whatever else is called.
private final class Pump: RequestDispatcher {
  static let messageBytes = 256 << 10

  private struct State {
    var left: Int
    var sent = 0
    var sentBeforePing: Int?
  }

  private let state: Mutex<State>

  init(messages: Int) { state = Mutex(State(left: messages)) }

  var sent: Int { state.withLock { $0.sent } }
  /// How many messages had been sent when another call was taken.
  var sentBeforePing: Int? { state.withLock { $0.sentBeforePing } }

  func dispatch(_ offers: [CallOffer]) {
    for offer in offers {
      while let call = offer.calls.popFirst() {
        if call.method == .logServiceSubscribe {
          creditGranted(to: call.id, on: offer.connection)
        } else {
          state.withLock { $0.sentBeforePing = $0.sent }
          offer.connection.respond(.message(call.message), to: call.id)
        }
      }
    }
  }

  func creditGranted(to call: CallID, on connection: any CallConnection) {
    while connection.credit(of: call) > 0, state.withLock({ $0.left > 0 }) {
      state.withLock { ($0.left, $0.sent) = ($0.left - 1, $0.sent + 1) }
      connection.send(.message(ByteBuffer(repeating: 0, count: Self.messageBytes)), to: call)
    }
  }

  func abandon(_ call: CallID, from connection: any CallConnection) {}
  func inputEnded(on connection: any CallConnection) {}
  func connectionClosed(_ connection: any CallConnection) {}
}
