import NIOCore
import TailraceGroups
import TailraceWire
import Testing

/// A group with a clock of its own: calls it, and keeps what comes of it.
struct TestGroup {
  var group: Group
  var now: Int64 = 1_000_000
  var topics: [TopicCatalog.Topic]
  /// All records so far, in order.
  var log: [GroupLogRecord] = []
  var lastRecords: [GroupLogRecord] = []
  /// The answers to parked heartbeats so far, by ticket.
  var answers: [UInt64: Result<HeartbeatResponse, GroupError>] = [:]
  var deadline: Int64?

  /// With a topic "clicks".
  init(_ partitions: UInt32 = 4, limits: GroupLimits = GroupLimits()) throws {
    topics = [Self.topic(1, "clicks", partitions)]
    let id = try #require(GroupID("readers"))
    group = Group(id, topics: Self.catalog(topics), limits: limits)
  }

  static func topic(_ number: UInt64, _ name: String, _ partitions: UInt32) -> TopicCatalog.Topic {
    TopicCatalog.Topic(id: TopicID(high: 7, low: number), name: name, partitionCount: partitions)
  }

  static func catalog(_ topics: [TopicCatalog.Topic]) -> TopicCatalog {
    TopicCatalog(topics) { pattern, topic in topic.hasPrefix(pattern) }
  }

  mutating func take<Reply>(_ outcome: GroupOutcome<Reply>) -> Result<Reply, GroupError> {
    lastRecords = outcome.records
    log += outcome.records
    deadline = outcome.nextDeadlineMs
    for answer in outcome.answers { answers[answer.ticket] = answer.result }
    return outcome.reply
  }

  @discardableResult
  mutating func join(_ request: JoinGroupRequest, drawn: String = "drawn") throws -> JoinGroupResponse {
    let id = try #require(MemberID(drawn))
    return try take(group.join(request, drawnID: id, peer: "127.0.0.1:9", now: now)).get()
  }

  @discardableResult
  mutating func join(
    _ member: String, instance: String? = nil, topics: [String] = ["clicks"], sessionMs: UInt32 = 0,
    rebalanceMs: UInt32 = 0
  ) throws -> JoinGroupResponse {
    try join(
      JoinGroupRequest(
        memberID: member, instanceID: instance, clientID: "client", topics: topics, sessionTimeoutMs: sessionMs,
        rebalanceTimeoutMs: rebalanceMs))
  }

  /// What a heartbeat is answered, at once.
  @discardableResult
  mutating func beat(_ member: String, _ epoch: UInt32, _ owned: [UInt32]) throws -> HeartbeatResponse {
    switch try take(group.heartbeat(request(member, epoch, owned, 0), ticket: 0, now: now)).get() {
    case .answered(let response): return response
    case .parked: throw GroupError(.invalid, "it was parked")
    }
  }

  /// Whether a heartbeat is parked.
  @discardableResult
  mutating func park(_ member: String, _ epoch: UInt32, _ owned: [UInt32], _ waitMs: UInt32, _ ticket: UInt64) throws
    -> Bool
  {
    try take(group.heartbeat(request(member, epoch, owned, waitMs), ticket: ticket, now: now)).get() == .parked
  }

  private func request(_ member: String, _ epoch: UInt32, _ owned: [UInt32], _ waitMs: UInt32) -> HeartbeatRequest {
    HeartbeatRequest(
      memberID: member, memberEpoch: epoch,
      owned: owned.isEmpty ? [] : [TopicPartitions(topic: "clicks", partitions: owned)], maxWaitMs: waitMs)
  }

  mutating func leave(_ member: String, instance: String? = nil) throws {
    _ = try take(group.leave(LeaveGroupRequest(memberID: member, instanceID: instance), now: now)).get()
  }

  /// The error codes of a commit of offset 5 for these partitions of "clicks"; unspecified where it was stored.
  mutating func commit(_ member: String, _ epoch: UInt32, _ partitions: [UInt32]) throws -> [ErrorCode] {
    try commit(member, epoch, partitions.map { OffsetCommit(topic: "clicks", partition: $0, offset: 5) })
  }

  mutating func commit(_ member: String, _ epoch: UInt32, _ offsets: [OffsetCommit]) throws -> [ErrorCode] {
    let request = CommitOffsetRequest(memberID: member, memberEpoch: epoch, offsets: offsets)
    return try take(group.commit(request, now: now)).get().results.map { $0.error?.code ?? .unspecified }
  }

  /// The stored offset of a partition of "clicks"; -1: none.
  func offset(_ partition: UInt32) throws -> Int64? {
    let wanted = TopicPartitions(topic: "clicks", partitions: [partition])
    return try group.offsets(FetchOffsetsRequest(partitions: [wanted])).offsets.first?.offset
  }

  mutating func pass(_ milliseconds: Int64) throws {
    now += milliseconds
    try take(group.timePassed(now: now)).get()
  }

  mutating func change(_ topics: [TopicCatalog.Topic]) throws {
    self.topics = topics
    try take(group.topicsChanged(Self.catalog(topics), now: now)).get()
  }

  /// Another group, replayed from these records.
  func replayed(_ records: [GroupLogRecord]) throws -> TestGroup {
    var copy = self
    copy.group = Group(group.id, topics: Self.catalog(topics))
    for record in records { try copy.group.replay(record.key, try record.value?.encoded()) }
    try copy.take(copy.group.replayed(now: now)).get()
    return copy
  }

  func member(_ id: String) -> MemberDescription? { group.describe().members.first { $0.memberID == id } }
}

extension [TopicPartitions] {
  /// The partitions of all topics.
  var numbers: [UInt32] { flatMap(\.partitions) }
}

/// The kind of the error that `body` throws.
func refusal(_ body: () throws -> Void) -> GroupError.Kind? {
  do {
    try body()
    return nil
  } catch {
    return (error as? GroupError)?.kind
  }
}
