package import TailraceWire

/// A member's standing in its group: who it is, what it shall own, when it has to be heard of.
package struct GroupMembership: Sendable {
  package struct Settings: Sendable {
    package var group: String
    package var clientID: String
    package var instanceID: String?
    package var topics: [String] = []
    package var topicPattern: String?
    package var assignor: Assignor = .unspecified
    /// 0: as the broker has it.
    package var sessionTimeoutMs: UInt32 = 0
    package var rebalanceTimeoutMs: UInt32 = 0

    package init(
      group: String, clientID: String, instanceID: String? = nil, topics: [String] = [], topicPattern: String? = nil,
      assignor: Assignor = .unspecified, sessionTimeoutMs: UInt32 = 0, rebalanceTimeoutMs: UInt32 = 0
    ) {
      self.group = group
      self.clientID = clientID
      self.instanceID = instanceID
      self.topics = topics
      self.topicPattern = topicPattern
      self.assignor = assignor
      self.sessionTimeoutMs = sessionTimeoutMs
      self.rebalanceTimeoutMs = rebalanceTimeoutMs
    }
  }

  /// The API's, for a session time-out of 0.
  private static let standardSessionTimeoutMs: Int64 = 45_000
  /// Bounds on what a broker may ask for.
  private static let intervalsMs: ClosedRange<Int64> = 100...60_000

  package let settings: Settings
  /// Ours to choose, so that a join that is tried again leaves no ghost.
  package private(set) var memberID: String
  package private(set) var epoch: UInt32 = 0
  package private(set) var isMember = false
  /// Whether it was ever a member.
  package private(set) var hasJoined = false
  /// What it shall own.
  package private(set) var assignment = PartitionAssignment()

  private var intervalMs = intervalsMs.lowerBound
  /// When the last call was made that was answered well.
  private var lastHeardMs: Int64 = 0
  private var lastSentMs: Int64 = 0
  private var sentEpoch: UInt32 = 0
  /// Whether the last heartbeat told what the member owns now.
  private var isReported = false
  /// Whether the membership is in doubt, since the connection was lost.
  package private(set) var isInDoubt = false

  /// `memberID`: nobody else's.
  package init(_ settings: Settings, memberID: String) {
    self.settings = settings
    self.memberID = memberID
  }

  private var sessionTimeoutMs: Int64 {
    settings.sessionTimeoutMs == 0 ? Self.standardSessionTimeoutMs : Int64(settings.sessionTimeoutMs)
  }

  /// When the broker has certainly forgotten the member, unless an answer comes before.
  package var sessionEndMs: Int64? { isMember ? lastHeardMs + sessionTimeoutMs : nil }

  /// The longest wait for a broker that is away: once it is back, the member's place is kept for a session time-out.
  package var maxRetryMs: Int64 { sessionTimeoutMs / 3 }

  package mutating func join(nowMs: Int64) -> JoinGroupRequest {
    lastSentMs = nowMs
    return JoinGroupRequest(
      group: settings.group, memberID: memberID, instanceID: settings.instanceID, clientID: settings.clientID,
      topics: settings.topics, topicPattern: settings.topicPattern, assignor: settings.assignor,
      sessionTimeoutMs: settings.sessionTimeoutMs, rebalanceTimeoutMs: settings.rebalanceTimeoutMs)
  }

  package mutating func joined(_ response: JoinGroupResponse) {
    if !response.memberID.isEmpty { memberID = response.memberID }
    (isMember, hasJoined, isInDoubt, isReported) = (true, true, false, false)
    hear(epoch: response.memberEpoch, intervalMs: response.heartbeatIntervalMs, response.assignment)
  }

  /// When the next heartbeat is due, while none is under way: at once where there is something to tell.
  package var heartbeatDueMs: Int64 {
    let hasNews = !isReported || isInDoubt || sentEpoch != epoch
    return hasNews ? lastSentMs : lastSentMs + waitMs
  }

  /// `isSettled`: it owns all that it shall own. Then the broker may keep the call until it has news.
  package mutating func heartbeat(owned: PartitionAssignment, isSettled: Bool, nowMs: Int64) -> HeartbeatRequest {
    (lastSentMs, sentEpoch, isReported) = (nowMs, epoch, true)
    return HeartbeatRequest(
      group: settings.group, memberID: memberID, memberEpoch: epoch, owned: owned.message,
      maxWaitMs: isSettled && !isInDoubt ? UInt32(clamping: waitMs) : 0)
  }

  package mutating func heard(_ response: HeartbeatResponse) {
    isInDoubt = false
    hear(epoch: response.memberEpoch, intervalMs: response.heartbeatIntervalMs, response.assignment)
  }

  /// The member has begun to own a partition, or has let one go.
  package mutating func ownsOther() { isReported = false }

  /// The connection was lost: whether it is still a member, only the next heartbeat tells.
  package mutating func doubt() { isInDoubt = isMember }

  /// It is no member any more, as far as it knows, and joins again under the id that it has: where the broker takes it for
  /// one still, it leaves no ghost.
  package mutating func end() {
    (isMember, isInDoubt) = (false, false)
    assignment = PartitionAssignment()
  }

  /// Who has the place of a static member, if that is another one.
  package func successor(in group: DescribeGroupResponse) -> MemberDescription? {
    guard let instanceID = settings.instanceID else { return nil }
    return group.members.first { $0.instanceID == instanceID && $0.memberID != memberID }
  }

  package mutating func left() { isMember = false }

  private mutating func hear(epoch: UInt32, intervalMs: UInt32, _ topics: [TopicPartitions]) {
    lastHeardMs = lastSentMs
    self.epoch = epoch
    if intervalMs > 0 {
      self.intervalMs = min(max(Int64(intervalMs), Self.intervalsMs.lowerBound), Self.intervalsMs.upperBound)
    }
    assignment = PartitionAssignment(topics)
  }

  /// From one heartbeat to the next. Two must fit into a session, whatever the broker says.
  private var waitMs: Int64 { min(intervalMs, sessionTimeoutMs / 2) }
}
