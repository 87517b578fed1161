import NIOCore
import TailraceBroker
import TailraceTesting
import TailraceWire
import Testing

@Suite struct PingTests {
  @Test(arguments: [0, 1, 65_536]) func `what is sent comes back`(count: Int) async throws {
    try await withFixture { broker in
      let payload = ByteBuffer(repeating: 0x5A, count: count)
      let answer = try await broker.call(.adminServicePing, PingRequest(payload: payload), as: PingResponse.self)
      #expect(answer.payload == payload)
    }
  }

  @Test func `a payload above 64 KiB is refused`() async throws {
    try await withFixture { broker in
      let request = PingRequest(payload: ByteBuffer(repeating: 0, count: 65_537))
      let failure = try await broker.failure(of: .adminServicePing, request)
      #expect(failure?.code == .invalidArgument)
      #expect(failure?.message == "payload: 65537 bytes; at most 65536 are allowed")
    }
  }

  @Test func `bytes that are no request are refused`() async throws {
    try await withFixture { broker in
      let response = await broker.connection.call(.adminServicePing, ByteBuffer(bytes: [0x0A, 0x05, 1]))
      #expect(response.failure?.code == .invalidArgument)
    }
  }
}
