internal import TailraceStorage
package import TailraceWire

extension AdminHandlers {
  package func describeTopic(
    _ request: DescribeTopicRequest, _ call: CallContext
  ) async throws(RPCError) -> DescribeTopicResponse {
    guard let topic = registry.table.topic(named: request.name) else {
      throw RPCError(.notFound, "there is no topic '\(request.name.excerpt)'", error: .unknownTopic)
    }
    var response = DescribeTopicResponse(
      topic: topic.summary, createdAtMs: topic.createdAtMs, config: topic.config.entries)
    do throws(StorageError) {
      for partition in topic.partitions {
        response.partitions.append(PartitionDescription(partition, try await store.describe(partition)))
      }
    } catch { throw RPCError(error) }
    return response
  }
}

extension PartitionDescription {
  fileprivate init(_ partition: PartitionID, _ figures: PartitionFigures) {
    self.init(
      partition: partition.index, logStartOffset: figures.bounds.logStart.rawValue,
      highWatermark: figures.bounds.highWatermark.rawValue, durableEndOffset: figures.bounds.durableEnd.rawValue,
      logEndOffset: figures.bounds.logEnd.rawValue, partitionEpoch: figures.bounds.partitionEpoch,
      sizeBytes: figures.sizeBytes, segmentCount: UInt32(clamping: figures.segmentCount),
      fault: figures.fault?.message ?? "")
  }
}
