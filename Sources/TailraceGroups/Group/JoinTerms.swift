internal import TailraceWire

/// A request to join, within its bounds.
struct JoinTerms: Sendable {
  let member: MemberID
  let instanceID: String?
  let clientID: String
  let subscription: Subscription
  let assignor: Assignor
  let sessionTimeoutMs: UInt32
  let rebalanceTimeoutMs: UInt32

  private static let maxNameBytes = 255
  private static let maxTopicBytes = 200

  init(_ request: JoinGroupRequest, drawnID: MemberID, limits: GroupLimits) throws(GroupError) {
    if request.memberID.isEmpty {
      member = drawnID
    } else {
      guard let id = MemberID(request.memberID) else {
        throw GroupError(
          .invalid,
          "member_id '\(request.memberID.excerpt)' is not one: 1 to \(MemberID.maxBytes) bytes without control characters"
        )
      }
      member = id
    }
    instanceID = try Self.instance(request.instanceID)
    clientID = try Self.name(request.clientID, "client_id")
    subscription = try Self.subscription(request, limits)
    guard Assignor.allKnown.contains(request.assignor) else {
      throw GroupError(.invalid, "assignor \(request.assignor) is not one that this broker knows")
    }
    assignor = request.assignor == .unspecified ? .sticky : request.assignor
    sessionTimeoutMs = try Self.timeout(request.sessionTimeoutMs, "session_timeout_ms", 45_000, 1_000...1_800_000)
    rebalanceTimeoutMs = try Self.timeout(
      request.rebalanceTimeoutMs, "rebalance_timeout_ms", 60_000, 1_000...3_600_000)
  }

  private static func instance(_ text: String?) throws(GroupError) -> String? {
    guard let text else { return nil }
    guard !text.isEmpty else { throw GroupError(.invalid, "instance_id is empty; leave it out for a dynamic member") }
    return try name(text, "instance_id")
  }

  private static func name(_ text: String, _ field: String) throws(GroupError) -> String {
    guard text.utf8.count <= maxNameBytes, !text.hasControlCharacters else {
      throw GroupError(
        .invalid,
        "\(field) '\(text.excerpt)' has \(text.utf8.count) bytes; at most \(maxNameBytes) are allowed, and no control"
          + " characters")
    }
    return text
  }

  private static func subscription(_ request: JoinGroupRequest, _ limits: GroupLimits) throws(GroupError)
    -> Subscription
  {
    if let pattern = request.topicPattern {
      guard request.topics.isEmpty else {
        throw GroupError(.invalid, "a member subscribes to topics or to a topic_pattern, not to both")
      }
      guard (1...TopicCatalog.maxPatternBytes).contains(pattern.utf8.count), !pattern.utf8.contains(0) else {
        throw GroupError(
          .invalid,
          "topic_pattern has \(pattern.utf8.count) bytes; 1 to \(TopicCatalog.maxPatternBytes) without NUL are allowed")
      }
      return .pattern(pattern)
    }
    guard (1...max(1, limits.maxTopicsPerMember)).contains(request.topics.count) else {
      throw GroupError(
        request.topics.isEmpty ? .invalid : .limitReached,
        "\(request.topics.count) topics are named; 1 to \(limits.maxTopicsPerMember) are allowed, or a topic_pattern")
    }
    for topic in request.topics {
      guard (1...maxTopicBytes).contains(topic.utf8.count), !topic.utf8.contains(0) else {
        throw GroupError(
          .invalid, "topic '\(topic.excerpt)' is not a topic's name: 1 to \(maxTopicBytes) bytes are allowed")
      }
    }
    return .names(Set(request.topics).sorted())
  }

  private static func timeout(
    _ value: UInt32, _ field: String, _ standard: UInt32, _ bounds: ClosedRange<UInt32>
  ) throws(GroupError) -> UInt32 {
    guard value != 0 else { return standard }
    guard bounds.contains(value) else {
      throw GroupError(
        .invalid, "\(field) is \(value); \(bounds.lowerBound) to \(bounds.upperBound) are allowed, 0 means \(standard)")
    }
    return value
  }
}
