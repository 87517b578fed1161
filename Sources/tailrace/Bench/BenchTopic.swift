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

  static func produceRequest(_ batch: ValidatedBatch, acks: Acks) -> ProduceRequest {
    ProduceRequest(acks: acks, targets: [ProduceTarget(topic: name, partition: 0, batches: [batch.message])])
  }
}
