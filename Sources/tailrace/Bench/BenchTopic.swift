import NIOCore
import NIOPosix
import TailraceClient
import TailraceWire

/// The topic that benchmarks work on: one partition.
enum BenchTopic {
  static let name = "bench"

  /// Makes the topic. `durability`: "os" or "durable".
  static func create(on broker: BenchTarget, durability: String) async throws {
    let connection = try await Connection.connect(
      host: broker.host, port: Int(broker.port), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    _ = try await AdminServiceClient(caller: connection).createTopic(
      CreateTopicRequest(
        name: name, partitionCount: 1, config: [ConfigEntry(name: "durability", value: durability)]))
    await connection.close()
  }

  /// Fails unless the topic has `count` records or more: calls may succeed of which a part failed.
  static func check(on broker: BenchTarget, holds count: UInt64) async throws {
    let connection = try await Connection.connect(
      host: broker.host, port: Int(broker.port), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    let query = OffsetQuery(topic: name, partition: 0, position: .latest)
    let response = try await LogServiceClient(caller: connection).listOffsets(ListOffsetsRequest(queries: [query]))
    await connection.close()
    let end = response.results.first?.offset ?? -1
    guard end >= Int64(clamping: count) else {
      throw BenchError(description: "\(count) records were acknowledged, and the topic ends at offset \(end)")
    }
  }

  static func produceRequest(_ batch: ValidatedBatch, acks: Acks) -> ProduceRequest {
    ProduceRequest(acks: acks, targets: [ProduceTarget(topic: name, partition: 0, batches: [batch.message])])
  }
}
