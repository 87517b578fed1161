import NIOCore
import TailraceTestSupport
import TailraceTransport
import TailraceWire
import Testing

@Suite(.serialized, .timeLimit(.minutes(15))) struct ServerFuzzTests {
  private func garbage(_ random: inout SeededGenerator) throws -> ByteBuffer {
    var bytes = ByteBuffer()
    if Int.random(in: 0..<8, using: &random) > 0 { ClientPreface().write(to: &bytes) }
    for _ in 0..<Int.random(in: 1...8, using: &random) {
      let method = Bool.random(using: &random) ? RPCMethod.adminServicePing : .logServiceFetch
      let header = RequestHeader(
        callID: UInt64.random(in: 0...6, using: &random), method: Bool.random(using: &random) ? method.fullName : "",
        timeoutMs: [0, 1, .max].randomElement(using: &random) ?? 0, cancel: Bool.random(using: &random),
        credit: [0, 1, .max].randomElement(using: &random) ?? 0)
      bytes.writeImmutableBuffer(
        try requestFrame(header, ByteBuffer(repeating: 7, count: Int.random(in: 0...500, using: &random))))
    }
    for _ in 0..<Int.random(in: 0...5, using: &random) {
      bytes.setInteger(
        UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0..<bytes.readableBytes, using: &random))
    }
    bytes.moveWriterIndex(to: Int.random(in: 1...bytes.readableBytes, using: &random))
    return bytes
  }

  @Test func `whatever strangers send, a well-behaved connection never notices`() async throws {
    var random = SeededGenerator(for: "ServerFuzzTests")
    let seed = random.seed
    try await withServer { server, port in
      let good = try RawSocket.native(port: port)
      for id in 1...3000 as ClosedRange<UInt64> {
        let stranger = try RawSocket(port: port)
        // A server that has closed already resets what still comes: no fault of either.
        try? stranger.write(try garbage(&random))
        if Bool.random(using: &random) { stranger.shutDownOutput() }
        try good.write(call(id, .adminServicePing, "\(id)"))
        let answer = try good.nextAnswer()
        #expect(answer.id == id && answer.text == "\(id)", "seed \(seed)")
      }
      while server.connectionCount > 1 { await Task.yield() }
      #expect(server.budget.usedBytes == 0)
    }
  }
}
