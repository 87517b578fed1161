internal import NIOCore
internal import TailraceWire

extension AdminClient {
  /// Creates a topic and returns it.
  ///
  /// - `name`: 1 to 200 of A-Z, a-z, 0-9, '.', '_' and '-', not beginning with "__".
  /// - `partitions`: 1 to 10,000.
  /// - `config`: what differs from the broker's defaults, by name: `["retention_ms": "3600000"]`.
  /// - `validateOnly`: check only; the id that is returned is then no topic's.
  ///
  /// Fails with TOPIC_EXISTS, INVALID_TOPIC_NAME, INTERNAL_TOPIC or INVALID_CONFIG.
  @discardableResult public func createTopic(
    _ name: String, partitions: Int = 1, config: [String: String] = [:], validateOnly: Bool = false
  ) async throws(TailraceError) -> TopicListing {
    let request = CreateTopicRequest(
      name: name, partitionCount: try Self.count(partitions, "partitions"), config: entries(config),
      validateOnly: validateOnly)
    let response = try await call(
      .adminServiceCreateTopic, request, as: CreateTopicResponse.self, retry: validateOnly ? .always : .ifNotSent)
    return TopicListing(response.topic)
  }

  /// Deletes a topic with all that is in it. `id`: only the topic with this id, else it fails with UNKNOWN_TOPIC_ID.
  /// Fails with UNKNOWN_TOPIC where there is none.
  public func deleteTopic(_ name: String, id: String? = nil) async throws(TailraceError) {
    var request = DeleteTopicRequest(name: name)
    if let id {
      guard let topic = TopicID(hexadecimal: id) else {
        throw TailraceError(.invalidArgument, "'\(id)' is not a topic's id, which has 32 hexadecimal digits")
      }
      request.topicID = topic.bytes
    }
    _ = try await call(.adminServiceDeleteTopic, request, as: DeleteTopicResponse.self, retry: .ifNotSent)
  }

  /// All topics, by name. `prefix`: only those whose names begin so. `includeInternal`: the broker's own, too.
  public func listTopics(prefix: String = "", includeInternal: Bool = false) async throws(TailraceError)
    -> [TopicListing]
  {
    var topics: [TopicListing] = []
    var request = ListTopicsRequest(includeInternal: includeInternal, prefix: prefix, pageSize: pageSize)
    repeat {
      let page = try await call(.adminServiceListTopics, request, as: ListTopicsResponse.self, retry: .always)
      topics += page.topics.map { TopicListing($0) }
      request.pageToken = try Self.next(page.nextPageToken, after: request.pageToken)
    } while !request.pageToken.isEmpty
    return topics
  }

  /// A topic, its partitions as they stand, and what of its configuration differs from the defaults. Fails with
  /// UNKNOWN_TOPIC.
  public func describeTopic(_ name: String) async throws(TailraceError) -> TopicDescription {
    let response = try await call(
      .adminServiceDescribeTopic, DescribeTopicRequest(name: name), as: DescribeTopicResponse.self, retry: .always)
    return TopicDescription(response)
  }

  /// Adds partitions to a topic, so that it has `total` in all: more than now, at most 10,000. Keys map to other
  /// partitions from then on. Returns the topic as it is then.
  @discardableResult public func createPartitions(
    of topic: String, total: Int, validateOnly: Bool = false
  ) async throws(TailraceError) -> TopicListing {
    let request = CreatePartitionsRequest(
      name: topic, partitionCount: try Self.count(total, "total"), validateOnly: validateOnly)
    let response = try await call(
      .adminServiceCreatePartitions, request, as: CreatePartitionsResponse.self,
      retry: validateOnly ? .always : .ifNotSent)
    return TopicListing(response.topic)
  }

  /// Every setting of a topic by name, with the value in force. Fails with UNKNOWN_TOPIC.
  public func describeConfig(of topic: String) async throws(TailraceError) -> [ConfigSetting] {
    let response = try await call(
      .adminServiceDescribeConfig, DescribeConfigRequest(topic: topic), as: DescribeConfigResponse.self,
      retry: .always)
    return response.values.map { ConfigSetting($0) }
  }

  /// Changes a topic's settings, all or none, and returns what is in force then. `unset`: names to take back to the
  /// broker's or the built-in value. `validateOnly`: returns what would be in force. Fails with INVALID_CONFIG.
  @discardableResult public func alterConfig(
    of topic: String, set: [String: String] = [:], unset: [String] = [], validateOnly: Bool = false
  ) async throws(TailraceError) -> [ConfigSetting] {
    let request = AlterConfigRequest(topic: topic, set: entries(set), unset: unset, validateOnly: validateOnly)
    let response = try await call(.adminServiceAlterConfig, request, as: AlterConfigResponse.self, retry: .always)
    return response.values.map { ConfigSetting($0) }
  }

  private func entries(_ config: [String: String]) -> [ConfigEntry] {
    config.sorted { $0.key < $1.key }.map { ConfigEntry(name: $0.key, value: $0.value) }
  }

  /// The token of the next page; empty where there is none. One that does not lead on would have us ask forever.
  static func next(_ token: String, after last: String) throws(TailraceError) -> String {
    guard token.isEmpty || token != last else {
      throw TailraceError(.internalError, "the broker's list does not come to an end: '\(token)' again")
    }
    return token
  }
}
