package import TailraceWire

extension AdminHandlers {
  package func createTopic(
    _ request: CreateTopicRequest, _ call: CallContext
  ) async throws(RPCError) -> CreateTopicResponse {
    let name = try TopicName(request.name)
    guard !name.isInternal else {
      throw RPCError(
        .invalidArgument, "topic name '\(name)': names that begin with '__' belong to the broker",
        error: .internalTopic)
    }
    let count = request.partitionCount == 0 ? 1 : request.partitionCount
    guard count <= TopicRegistry.maxPartitions else {
      throw RPCError(
        .invalidArgument, "partition_count is \(count); 1 to \(TopicRegistry.maxPartitions) are allowed")
    }
    let topic = try await registry.create(
      name: name, partitionCount: count, config: try TopicConfig(request.config, defaults: registry.defaults),
      validateOnly: request.validateOnly)
    return CreateTopicResponse(topic: topic.summary)
  }
}
