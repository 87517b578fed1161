package import TailraceWire

extension AdminHandlers {
  package func createPartitions(
    _ request: CreatePartitionsRequest, _ call: CallContext
  ) async throws(RPCError) -> CreatePartitionsResponse {
    let topic = try await registry.grow(
      name: request.name, to: request.partitionCount, validateOnly: request.validateOnly)
    return CreatePartitionsResponse(topic: topic.summary)
  }
}
