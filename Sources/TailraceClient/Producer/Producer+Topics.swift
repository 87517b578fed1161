internal import NIOCore
internal import Synchronization
internal import TailraceWire

extension Producer {
  /// Asks the broker for a topic's number of partitions. Fails with UNKNOWN_TOPIC where there is none of that name.
  func lookUp(_ topic: String) async throws(TailraceError) {
    let response: ListTopicsResponse = try await client.call(.adminServiceListTopics, Self.query(topic))
    try learn(topic, response)
  }

  /// The topic of that name is the first of those that begin so.
  private static func query(_ topic: String) -> ListTopicsRequest {
    ListTopicsRequest(includeInternal: true, prefix: topic, pageSize: 1)
  }

  private func learn(_ topic: String, _ response: ListTopicsResponse) throws(TailraceError) {
    guard let found = response.topics.first, found.name == topic, found.partitionCount > 0 else {
      throw TailraceError(.unknownTopic, "there is no topic '\(topic)'")
    }
    guard found.partitionCount <= mostPartitions else {
      throw TailraceError(
        .internalError, "the broker says that topic '\(topic)' has \(found.partitionCount) partitions")
    }
    core.withLock {
      $0.learn(
        topic, partitionCount: Int(found.partitionCount), now: .now(), chance: .random(in: 0..<Int(Int32.max)))
    }
  }

  /// Looks a topic up anew beside the work, where what is known of it is old: partitions may have been added.
  func refreshIfOld(_ topic: String) {
    guard let connection = client.link.current,
      core.withLock({ $0.beginRefresh(topic, now: .now()) }),
      let request = try? Self.query(topic).encoded()
    else { return }
    let call = client.telemetry.begin(.adminServiceListTopics)
    let options = CallOptions(timeout: configuration.requestTimeout, metadata: call.metadata)
    connection.send(.adminServiceListTopics, request, options) { [self] result in
      call.end(result.failure)
      if case .success(let bytes) = result, let response = try? ListTopicsResponse(decoding: bytes),
        (try? learn(topic, response)) != nil
      {
        return
      }
      core.withLock { $0.endRefresh(topic, now: .now()) }
    }
  }
}

/// No broker has a topic with more.
private let mostPartitions: UInt32 = 1_000_000
