package import TailraceWire

extension AdminHandlers {
  /// Every setting by name, with the value in force and where that comes from.
  package func describeConfig(
    _ request: DescribeConfigRequest, _ call: CallContext
  ) async throws(RPCError) -> DescribeConfigResponse {
    guard let topic = registry.table.topic(named: request.topic) else {
      throw RPCError(.notFound, "there is no topic '\(request.topic.excerpt)'", error: .unknownTopic)
    }
    return DescribeConfigResponse(values: topic.config.described)
  }
}
