internal import NIOCore
package import TailraceWire

extension AdminHandlers {
  package func deleteTopic(
    _ request: DeleteTopicRequest, _ call: CallContext
  ) async throws(RPCError) -> DeleteTopicResponse {
    let expectedID = TopicID(request.topicID)
    guard expectedID != nil || request.topicID.readableBytes == 0 else {
      throw RPCError(
        .invalidArgument, "topic_id has \(request.topicID.readableBytes) bytes; it has \(TopicID.byteCount), or none")
    }
    try await registry.delete(name: request.name, expectedID: expectedID)
    return DeleteTopicResponse()
  }
}
