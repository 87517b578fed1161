import NIOCore
import NIOEmbedded
import Synchronization
import TailraceTransport
import TailraceWire
import Testing

/// Answers that other threads give.
@Suite(.timeLimit(.minutes(15))) struct OutsideAnswerTests {
  @Test func `answers of many threads to many connections of few loops all arrive, whatever comes meanwhile`()
    async throws
  {
    let dispatcher = FakeDispatcher.standard()
    try await withServer(dispatcher) { _, port in
      let (connections, calls) = (20, 100)
      let sockets = try (0..<connections).map { _ in try RawSocket.native(port: port) }
      for (index, socket) in sockets.enumerated() {
        try socket.write(
          joined((1...UInt64(calls)).map { try call($0, .logServiceFetch, "\(index)/\($0)") }))
      }
      while dispatcher.taken.count < connections * calls { await Task.yield() }
      let taken = dispatcher.taken
      await withTaskGroup(of: Void.self) { group in
        for thread in 0..<8 {
          group.addTask {
            for index in stride(from: thread, to: taken.count, by: 8) {
              let call = taken[index].call
              taken[index].connection.respond(.message(call.message), to: call.id)
            }
          }
        }
      }
      for (index, socket) in sockets.enumerated() {
        try socket.write(call(UInt64(calls) + 1, .adminServicePing, "ping"))
        var found: [UInt64: String] = [:]
        for _ in 0...calls {
          let answer = try socket.nextAnswer()
          #expect(found.updateValue(answer.text, forKey: answer.id) == nil)
        }
        let isRight = (1...UInt64(calls)).allSatisfy { found[$0] == "\(index)/\($0)" }
        #expect(isRight && found[UInt64(calls) + 1] == "ping")
      }
    }
  }

  @Test func `what many give before the loop runs is written in one turn`() async throws {
    let loop = EmbeddedEventLoop()
    let dispatcher = FakeDispatcher.standard()
    let turn = LoopTurn(eventLoop: loop, dispatcher: dispatcher)
    let connections = try (0..<3).map { _ in try EmbeddedConnection(dispatcher, loop: loop, turn: turn) }
    for connection in connections { try connection.send(call(1, .logServiceFetch), call(2, .logServiceFetch)) }
    let flushes = connections.map(\.valve.flushes)
    let taken = dispatcher.taken
    for item in taken { item.connection.respond(.message(ByteBuffer(string: "in")), to: item.call.id) }
    loop.run()
    #expect(zip(connections, flushes).map { $0.0.valve.flushes - $0.1 } == [1, 1, 1])
    for connection in connections { #expect(try connection.received().map(\.id) == [1, 2]) }
  }
}
