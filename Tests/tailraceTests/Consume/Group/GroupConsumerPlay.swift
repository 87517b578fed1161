import NIOCore
import TailraceClient
import TailraceWire
import Testing

@testable import tailrace

/// A consumer with a test in the place of its broker, clock and output.
struct GroupConsumerPlay {
  var consumer: GroupConsumer
  var nowMs: Int64 = 1_000_000
  /// Calls under way, by what they are.
  private(set) var calls: [(id: UInt64, call: GroupCall)] = []
  private(set) var said: [String] = []
  private(set) var written = ""
  private(set) var isWriting = false

  init(
    limit: Int? = nil, exitsAtEnd: Bool = false, instanceID: String? = nil, sessionTimeoutMs: UInt32 = 0
  ) {
    consumer = GroupConsumer(
      GroupConsumer.Settings(
        membership: GroupMembership.Settings(
          group: "g", clientID: "c", instanceID: instanceID, topics: ["t"], sessionTimeoutMs: sessionTimeoutMs),
        commitIntervalMs: 1_000, exitsAtEnd: exitsAtEnd),
      queue: PrintQueue(printer: RecordPrinter(format: .text), limit: limit),
      memberID: "m", fraction: { 1 })
  }

  mutating func advance() {
    for step in consumer.next(nowMs: nowMs) {
      switch step {
      case .call(let id, let call): calls.append((id, call))
      case .cancel(let id): calls.removeAll { $0.id == id }
      case .say(let text): said.append(text)
      case .write(let piece):
        #expect(!isWriting)
        isWriting = true
        written += String(decoding: piece.output.bytes, as: UTF8.self)
      }
    }
  }

  mutating func pass(ms: Int64) {
    nowMs += ms
    advance()
  }

  mutating func finishWrite(_ failure: CommandFailure? = nil) {
    #expect(isWriting)
    isWriting = false
    consumer.written(failure)
    advance()
  }

  /// The call of a kind that is under way, if there is one.
  func first<Request>(_ match: (GroupCall) -> Request?) -> Request? {
    for (_, call) in calls {
      if let request = match(call) { return request }
    }
    return nil
  }

  private mutating func end(_ match: (GroupCall) -> Bool, _ result: Result<GroupAnswer, RPCError>) {
    guard let index = calls.firstIndex(where: { match($0.call) }) else {
      Issue.record("no such call is under way: \(calls.map(\.call))")
      return
    }
    let id = calls.remove(at: index).id
    consumer.take(id, result, nowMs: nowMs)
    advance()
  }

  mutating func answer(_ answer: GroupAnswer) { end({ GroupConsumerPlay.fits($0, answer) }, .success(answer)) }

  mutating func fail(_ match: (GroupCall) -> Bool, _ error: RPCError) { end(match, .failure(error)) }

  private static func fits(_ call: GroupCall, _ answer: GroupAnswer) -> Bool {
    switch (call, answer) {
    case (.connect, .connected), (.join, .joined), (.heartbeat, .heard), (.position, .positioned), (.fetch, .fetched),
      (.commit, .committed), (.describe, .described), (.leave, .left):
      true
    default: false
    }
  }

  // Shorthands.

  var heartbeat: HeartbeatRequest? { first { if case .heartbeat(let request) = $0 { request } else { nil } } }
  var commit: CommitOffsetRequest? { first { if case .commit(let request) = $0 { request } else { nil } } }
  var fetch: FetchRequest? { first { if case .fetch(let request) = $0 { request } else { nil } } }
  var join: JoinGroupRequest? { first { if case .join(let request) = $0 { request } else { nil } } }
  var position: PartitionAssignment? { first { if case .position(let wanted) = $0 { wanted } else { nil } } }
  var isLeaving: Bool { first { if case .leave = $0 { true } else { nil } } ?? false }
  var isDescribing: Bool { first { if case .describe = $0 { true } else { nil } } ?? false }
  var isConnecting: Bool { first { if case .connect = $0 { true } else { nil } } ?? false }

  mutating func joined(_ partitions: [UInt32]) {
    answer(
      .joined(
        JoinGroupResponse(
          memberID: join?.memberID ?? "", memberEpoch: 1, heartbeatIntervalMs: 3_000, assignment: topics(partitions))))
  }

  mutating func heard(_ partitions: [UInt32], epoch: UInt32 = 1) { heard(assignment: topics(partitions), epoch: epoch) }

  mutating func heard(assignment: [TopicPartitions], epoch: UInt32 = 1) {
    answer(.heard(HeartbeatResponse(memberEpoch: epoch, assignment: assignment, heartbeatIntervalMs: 3_000)))
  }

  mutating func positioned(_ starts: [UInt32: Int64], isStored: Bool = true, end: Int64? = nil) {
    let points = starts.map { partition, offset in
      StartingPoint(cursor: cursor(partition, offset: offset, end: end), isStored: isStored)
    }
    answer(.positioned(points))
  }

  mutating func fetched(_ partition: UInt32, at offset: Int64, count: Int) throws {
    let batch = try fetchedBatch(at: offset, count: count)
    answer(
      .fetched(
        FetchResponse(partitions: [FetchedPartition(topic: "t", partition: partition, batches: [batch])])))
  }

  mutating func describe(members: [(id: String, instance: String?)]) {
    let members = members.map {
      MemberDescription(memberID: $0.id, instanceID: $0.instance, clientID: "client-\($0.id)")
    }
    answer(.described(DescribeGroupResponse(group: GroupSummary(group: "g"), members: members)))
  }

  mutating func committed(_ errors: [PartitionError?]? = nil) {
    let count = commit?.offsets.count ?? 0
    let results = (errors ?? Array(repeating: nil, count: count)).map { OffsetCommitResult(error: $0) }
    answer(.committed(CommitOffsetResponse(results: results)))
  }

  /// A member that owns these partitions from offset 0 on, settled, its heartbeat kept by the broker.
  static func settled(
    _ partitions: [UInt32], limit: Int? = nil, exitsAtEnd: Bool = false, end: Int64? = nil, instanceID: String? = nil,
    sessionTimeoutMs: UInt32 = 0
  ) -> GroupConsumerPlay {
    var play = GroupConsumerPlay(
      limit: limit, exitsAtEnd: exitsAtEnd, instanceID: instanceID, sessionTimeoutMs: sessionTimeoutMs)
    play.advance()
    play.joined(partitions)
    // Who has nothing is settled: the broker keeps his heartbeat.
    guard !partitions.isEmpty else { return play }
    play.heard(partitions)
    play.positioned(Dictionary(uniqueKeysWithValues: partitions.map { ($0, 0) }), end: end)
    return play
  }
}

/// Partitions of topic `t`, as the API has them.
func topics(_ partitions: [UInt32]) -> [TopicPartitions] {
  partitions.isEmpty ? [] : [TopicPartitions(topic: "t", partitions: partitions)]
}
