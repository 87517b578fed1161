import NIOCore
import TailraceTesting
import TailraceWire
import Testing

@testable import TailraceClient

@Suite(.timeLimit(.minutes(15))) struct StreamTests {
  private func request(from offset: Int64 = 0, maxBytes: UInt32 = 0) -> SubscribeRequest {
    SubscribeRequest(targets: [FetchTarget(topic: "t", offset: offset)], maxBytes: maxBytes, decode: true)
  }

  @Test func `a stream brings all records in order, as many as there are and more as they are stored`() async throws {
    try await withTopic { broker, _ in
      try await broker.produce("t", 0, 0..<1_000)
      let connection = try await Connection.connect(host: broker.host, port: broker.port)
      let seen = Recorder<Int>()
      let stream = Task {
        let bytes = try request(maxBytes: 2_000).encoded()
        try await connection.stream(.logServiceSubscribe, bytes, CallOptions()) { message throws(RPCError) in
          guard let response = try? SubscribeResponse(decoding: message) else { return }
          for record in response.partitions.flatMap(\.records) {
            seen.add(record.value.flatMap { Int(String(buffer: $0)) } ?? -1)
          }
        }
      }
      while seen.all.count < 1_000 { await Task.yield() }
      try await broker.produce("t", 0, 1_000..<1_100)
      while seen.all.count < 1_100 { await Task.yield() }
      #expect(seen.all == Array(0..<1_100))
      stream.cancel()
      await #expect(throws: RPCError.self) { try await stream.value }
      // The connection is none the worse for it.
      _ = try await connection.call(.adminServicePing, ByteBuffer(), CallOptions())
      await connection.close()
    }
  }

  @Test func `a reader that is slow is sent no more than it has room for, and harms nobody`() async throws {
    try await withTopic { broker, _ in
      // 16 MB, four times what a client takes before it has consumed anything.
      let value = String(repeating: "x", count: 1_000_000)
      for _ in 0..<16 {
        _ = try await broker.call(
          .logServiceProduce,
          ProduceRequest(
            acks: .written, targets: [ProduceTarget(topic: "t", partition: 0, records: [record(value)])]),
          as: ProduceResponse.self)
      }
      let connection = try await Connection.connect(host: broker.host, port: broker.port)
      let (first, goOn, count) = (Signal(), Signal(), Recorder<Int>())
      let stream = Task {
        try await connection.stream(.logServiceSubscribe, try request().encoded(), CallOptions()) {
          message throws(RPCError) in
          count.add(message.readableBytes)
          first.send()
          await goOn.wait()
        }
      }
      await first.wait()
      for _ in 0..<20 { _ = try await connection.call(.adminServicePing, ByteBuffer(), CallOptions()) }
      #expect(count.all.count == 1)
      goOn.send()
      while count.all.reduce(0, +) < 16_000_000 { await Task.yield() }
      stream.cancel()
      _ = await stream.result
      await connection.close()
    }
  }

  private func record(_ value: String) -> ProduceRecord { ProduceRecord(value: ByteBuffer(string: value)) }
}
