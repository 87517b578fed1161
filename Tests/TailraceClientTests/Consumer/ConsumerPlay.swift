import NIOCore
import TailraceWire
import Testing

@testable import TailraceClient

/// A consumer's state machine, with answers, callbacks and time given by hand.
struct ConsumerPlay {
  var machine: ConsumerMachine
  private(set) var nowMs: Int64 = 0
  private(set) var calls: [UInt64: ConsumerCall] = [:]
  private(set) var notices: [(id: UInt64, kind: PartitionNotice, partitions: [UInt32])] = []
  private(set) var answers: [UInt64: TailraceError?] = [:]
  private(set) var opened: [UInt32: Int64] = [:]
  private(set) var delivered: [UInt32: [Range<Int64>]] = [:]
  private(set) var failed: [UInt32: TailraceError] = [:]
  private(set) var revoked: [UInt32] = []
  private(set) var isConnecting = false
  private(set) var finished: TailraceError??
  /// How far users are.
  var processed: [UInt32: Int64] = [:]
  /// Whether callbacks return at once.
  var isQuick = true

  init(_ settings: ConsumerMachine.Settings) {
    machine = ConsumerMachine(settings, memberID: "m", fraction: { 1 })
    advance()
  }

  /// A member that owns and reads these, from 0 on. It has a heartbeat under way.
  static func member(
    _ partitions: [UInt32], manual: Bool = false, instanceID: String? = nil,
    _ change: (inout ConsumerMachine.Settings) -> Void = { _ in }
  ) -> ConsumerPlay {
    var settings = ConsumerMachine.Settings(
      source: .group(
        GroupMembership.Settings(
          group: "g", clientID: "c", instanceID: instanceID, topics: ["t"], sessionTimeoutMs: 9_000)))
    settings.commitIntervalMs = manual ? nil : 1_000
    change(&settings)
    var play = ConsumerPlay(settings)
    play.connect()
    play.answer(.join, .joined(joined(partitions)))
    guard !partitions.isEmpty else { return play }
    play.answer(.heartbeat, .heard(heard(partitions)))
    play.answer(.position, .positioned(partitions.map { point($0) }))
    return play
  }

  static func joined(_ partitions: [UInt32]) -> JoinGroupResponse {
    JoinGroupResponse(memberID: "m", memberEpoch: 1, heartbeatIntervalMs: 3_000, assignment: topics(partitions))
  }

  static func heard(_ partitions: [UInt32], epoch: UInt32 = 1) -> HeartbeatResponse {
    HeartbeatResponse(memberEpoch: epoch, assignment: topics(partitions), heartbeatIntervalMs: 3_000)
  }

  static func topics(_ partitions: [UInt32]) -> [TopicPartitions] {
    partitions.isEmpty ? [] : [TopicPartitions(topic: "t", partitions: partitions)]
  }

  static func point(_ partition: UInt32, at offset: Int64 = 0, isStored: Bool = true) -> StartingPoint {
    StartingPoint(
      partition: TopicPartition(topic: "t", partition: partition), topicID: ByteBuffer(),
      position: ReadPosition(offset: offset, epoch: nil), isStored: isStored)
  }

  // MARK: What happens

  mutating func advance() {
    while true {
      let processed = Dictionary(
        uniqueKeysWithValues: processed.map {
          (TopicPartition(topic: "t", partition: $0.key), ReadPosition(offset: $0.value, epoch: 0))
        })
      let next = machine.takeSteps() + machine.next(nowMs: nowMs, processed: { processed })
      guard !next.isEmpty else { return }
      for step in next { perform(step) }
    }
  }

  private mutating func perform(_ step: ConsumerStep) {
    switch step {
    case .connect: isConnecting = true
    case .call(let id, let call): calls[id] = call
    case .cancel(let id): calls[id] = nil
    case .notify(let id, let kind, let partitions):
      notices.append((id, kind, partitions.map(\.number)))
      if isQuick { machine.notified(id) }
    case .answer(let id, .success): answers[id] = .some(nil)
    case .answer(let id, .failure(let error)): answers[id] = error
    case .open(let partition, let position): opened[partition.number] = position.offset
    case .deliver(let partition, let batches, _): delivered[partition.number, default: []] += batches.map(\.wanted)
    case .fail(let partition, let error): failed[partition.number] = error
    case .revoke(let partitions): revoked += partitions.map(\.number)
    case .reset(let partition, .exactly(let offset)): machine.moved(partition, to: offset)
    case .reset(let partition, .atMost(let offset)):
      machine.moved(partition, to: min(offset, processed[partition.number] ?? 0))
    case .finish(let error): finished = .some(error)
    case .close, .log: break
    }
  }

  mutating func connect() {
    isConnecting = false
    machine.connected()
    advance()
  }

  mutating func pass(ms: Int64) {
    nowMs += ms
    advance()
  }

  /// Answers the call of this kind that is under way.
  mutating func answer(_ kind: ConsumerCall.Kind, _ answer: ConsumerAnswer) {
    guard let call = calls.first(where: { $0.value.kind == kind })?.key else {
      Issue.record("there is no \(kind) under way")
      return
    }
    calls[call] = nil
    machine.take(call, .success(answer), nowMs: nowMs)
    advance()
  }

  mutating func fail(_ kind: ConsumerCall.Kind, _ error: RPCError) {
    guard let call = calls.first(where: { $0.value.kind == kind })?.key else {
      Issue.record("there is no \(kind) under way")
      return
    }
    calls[call] = nil
    machine.take(call, .failure(error), nowMs: nowMs)
    advance()
  }

  /// Nobody is at work on a partition any more.
  mutating func release(_ partition: UInt32) {
    machine.released([
      TopicPartition(topic: "t", partition: partition): ReadPosition(offset: processed[partition] ?? 0, epoch: 0)
    ])
    advance()
  }

  /// A callback returns.
  mutating func returnFrom(_ kind: PartitionNotice) {
    guard let notice = notices.last(where: { $0.kind == kind }) else {
      Issue.record("nobody was called back for \(kind)")
      return
    }
    machine.notified(notice.id)
    advance()
  }

  /// Asks for something, under a number of its own.
  @discardableResult
  mutating func ask(_ question: (inout ConsumerMachine, UInt64) -> Void) -> UInt64 {
    let id = machine.nextID()
    question(&machine, id)
    advance()
    return id
  }

  mutating func stop(_ error: TailraceError? = nil) {
    machine.stop(error, nowMs: nowMs)
    advance()
  }

  // MARK: What is under way

  /// Whether somebody who asked was told that it is done.
  func isDone(_ id: UInt64) -> Bool { answers[id].map { $0 == nil } ?? false }

  /// Whether nothing is handed out any more.
  var hasFinished: Bool { finished != nil }

  var join: JoinGroupRequest? { find { if case .join(let request) = $0 { request } else { nil } } }
  var heartbeat: HeartbeatRequest? { find { if case .heartbeat(let request) = $0 { request } else { nil } } }
  var commit: CommitOffsetRequest? { find { if case .commit(let request) = $0 { request } else { nil } } }
  var leave: LeaveGroupRequest? { find { if case .leave(let request) = $0 { request } else { nil } } }
  var fetch: FetchRequest? { find { if case .fetch(let request) = $0 { request } else { nil } } }
  var position: PartitionAssignment? { find { if case .position(let request) = $0 { request } else { nil } } }
  var lookUp: OffsetQuery? { find { if case .lookUp(let request) = $0 { request } else { nil } } }
  var isDiscovering: Bool { calls.values.contains { $0.kind == .discover } }

  private func find<Request>(_ body: (ConsumerCall) -> Request?) -> Request? {
    calls.values.lazy.compactMap(body).first
  }
}

/// Answers a commit with these, or with success for each.
func committed(_ request: CommitOffsetRequest?, _ errors: [PartitionError?]? = nil) -> ConsumerAnswer {
  let count = request?.offsets.count ?? 0
  return .committed(
    CommitOffsetResponse(
      results: (errors ?? Array(repeating: nil, count: count)).map { OffsetCommitResult(error: $0) }))
}

/// What a broker returns of a partition: batches of one record each at these offsets.
func fetched(
  _ partition: UInt32, _ offsets: Range<Int64> = 0..<0, epoch: UInt32 = 0, end: Int64? = nil,
  error: PartitionError? = nil, start: Int64 = 0, truncatedTo: Int64? = nil
) throws -> FetchedPartition {
  FetchedPartition(
    topic: "t", partition: partition, error: error, highWatermark: end ?? offsets.upperBound, logStartOffset: start,
    partitionEpoch: epoch, truncatedTo: truncatedTo,
    batches: try offsets.map { try storedBatch(at: $0, ["\($0)"], epoch: epoch) })
}

/// A batch as it is stored, of records with these values.
func storedBatch(
  at offset: Int64, _ values: [String], epoch: UInt32 = 0, compression: Compression = .none
) throws -> RecordBatch {
  var builder = RecordSetBuilder(baseTimestampMs: 0)
  for value in values { builder.append(key: nil, value: ByteBuffer(string: value), timestampMs: 0) }
  let built = try builder.build(compression: compression)
  var header = built.header
  header.baseOffset = Offset(offset)
  header.partitionEpoch = epoch
  var bytes = ByteBuffer()
  header.write(to: &bytes)
  var message = built.message
  message.formatVersion = RecordBatchHeader.formatVersion
  message.baseOffset = offset
  message.partitionEpoch = epoch
  message.recordsLength = header.recordsLength
  message.headerCRC32C = try #require(bytes.getInteger(at: 107, endianness: .little, as: UInt32.self))
  return message
}
