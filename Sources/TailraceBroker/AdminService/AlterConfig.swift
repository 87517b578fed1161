package import TailraceWire

extension AdminHandlers {
  /// Changes settings of a topic, all or none. They are in force on all its partitions when this is answered.
  package func alterConfig(
    _ request: AlterConfigRequest, _ call: CallContext
  ) async throws(RPCError) -> AlterConfigResponse {
    let config = try await registry.alter(
      name: request.topic, set: request.set, unset: request.unset, validateOnly: request.validateOnly)
    return AlterConfigResponse(values: config.described)
  }
}
