import TailraceClient
import TailraceWire

/// Looks at a broker that was just started.
struct FuzzKillInspection: Sendable {
  let partitions: UInt32
  /// Ids of producers that were handed out, in all lives of the broker.
  private var ids: Set<Int64> = []
  private(set) var hasTopics = false

  init(partitions: UInt32) { self.partitions = partitions }

  private var options: CallOptions { FuzzKillProducer.callOptions }

  /// Makes the topics, the first time; then looks at each partition, and that no producer id is handed out twice.
  mutating func inspect(_ connection: Connection, _ producers: [FuzzKillProducer]) async throws {
    if !hasTopics {
      for topic in FuzzKillTopic.allCases {
        _ = try await AdminServiceClient(caller: connection)
          .createTopic(
            CreateTopicRequest(name: topic.rawValue, partitionCount: partitions, config: topic.config),
            options: options)
      }
      hasTopics = true
    }
    for topic in FuzzKillTopic.allCases { try await inspect(topic, connection, producers) }
    let id = try await LogServiceClient(caller: connection)
      .initProducer(InitProducerRequest(), options: options).producerID
    guard ids.insert(id).inserted, !producers.contains(where: { $0.producerID == id }) else {
      throw FuzzFailure("producer id \(id) was handed out twice")
    }
  }

  /// Nothing is wrong with any partition, and it reaches as far as was acked.
  private func inspect(
    _ topic: FuzzKillTopic, _ connection: Connection, _ producers: [FuzzKillProducer]
  ) async throws {
    let found = try await AdminServiceClient(caller: connection)
      .describeTopic(DescribeTopicRequest(name: topic.rawValue), options: options)
    guard found.partitions.map(\.partition) == Array(0..<partitions) else {
      throw FuzzFailure("\(topic.rawValue) has partitions \(found.partitions.map(\.partition)) after a start")
    }
    for partition in found.partitions {
      let place = FuzzKillPlace(topic: topic, partition: partition.partition)
      guard partition.fault.isEmpty else { throw FuzzFailure("\(place) after a start: \(partition.fault)") }
      guard partition.logStartOffset == 0 else {
        throw FuzzFailure("\(place) begins at offset \(partition.logStartOffset) after a start")
      }
      let acked = producers.flatMap(\.lanes).filter { $0.place == place }.map(\.ackedEnd).max() ?? 0
      guard partition.highWatermark >= acked else {
        throw FuzzFailure(
          "\(place) ends at offset \(partition.highWatermark) after a start; all below \(acked) was acked")
      }
    }
  }
}
