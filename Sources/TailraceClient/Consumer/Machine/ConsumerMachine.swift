internal import DequeModule
internal import Logging
internal import NIOCore
internal import TailraceWire

/// A consumer, alone or as a member of a group: what it does next, and what it makes of each answer.
///
/// Pure: time, ids and chance come in, steps go out. `next` is called after each event, and at `wakeAtMs`.
///
/// A partition is owned from when users are told of it until its last offset is committed. One that goes is handed out no
/// further; once nobody is at work on it users are called back, then it is committed, then it is let go with the next
/// heartbeat.
struct ConsumerMachine {
  struct Settings: Sendable {
    enum Source: Sendable {
      case group(GroupMembership.Settings)
      case topics([String])
      case partitions([TopicPartition])
    }

    var source: Source
    /// Nil: only when somebody asks.
    var commitIntervalMs: Int64?
    /// Where the offset asked for is not there.
    var outOfRange = OutOfRangeAction.nearest
    var start = StartPosition.beginning
    var fetch = FetchSession.Settings()
    /// How long the end may take.
    var closeMs: Int64 = 5_000

    var group: String? { if case .group(let settings) = source { settings.group } else { nil } }
  }

  /// From one look at what could not be had to the next.
  static let retryMs: Int64 = 1_000
  /// From one look at which partitions topics have to the next, where no group tells.
  static let refreshMs: Int64 = 10_000

  enum Phase: Hashable {
    /// Users are told.
    case assigning
    case reading
    /// Somebody may be at work on a record of it.
    case releasing
    /// Users are told.
    case revoking
    case committing
  }

  struct Owned {
    let topicID: ByteBuffer
    /// Tells what is owned now from what was owned before.
    let serial: UInt64
    var phase: Phase
    var point: StartingPoint
  }

  struct Notice {
    let id: UInt64
    let kind: PartitionNotice
    var partitions: [TopicPartition: UInt64]
  }

  struct CommitRequest {
    let id: UInt64
    let partitions: Set<TopicPartition>
  }

  struct Seek {
    let id: UInt64
    let partition: TopicPartition
    let to: StartPosition
    /// Whether somebody waits for it.
    let isAsked: Bool
    /// The look-up under way.
    var call: UInt64?
  }

  let settings: Settings
  let fraction: @Sendable () -> Double
  var membership: GroupMembership?
  /// What it shall own, where no group says so; nil: not known yet.
  var discovered: PartitionAssignment?
  var session: FetchSession
  var ledger = CommitLedger()
  var owned: [TopicPartition: Owned] = [:]
  /// Those of that phase.
  var committing: Set<TopicPartition> = []
  /// The same, as the broker is told.
  var ownership = PartitionAssignment()
  /// What it shall own and does not own yet.
  var missing = PartitionAssignment()

  var isConnected = false
  var isConnecting = false
  var inFlight: [UInt64: ConsumerCall] = [:]
  var busy: Set<ConsumerCall.Kind> = []
  private var lastID: UInt64 = 0
  /// Not before these times, after a failure.
  var retryAtMs: [ConsumerCall.Kind: Int64] = [:]
  var backoffs: [ConsumerCall.Kind: Backoff] = [:]
  var connectAtMs: Int64 = 0
  var connectBackoff = Backoff()
  var commitAtMs: Int64?
  var discoverAtMs: Int64 = 0
  var positionAtMs: Int64 = 0

  /// Waiting to be called back for, and the one under way.
  var notices: Deque<Notice> = []
  var noticeUnderWay: Notice?
  /// Waiting for their commit.
  var commitRequests: [CommitRequest] = []
  var seeks: [Seek] = []
  var outbox: [ConsumerStep] = []
  /// Why a static member is none any more, until it has looked whether another one has its place.
  var unlookedEnd: String?

  var isEnding = false
  /// Why it ends; nil: all is well.
  var reason: TailraceError?
  var endAtMs: Int64 = 0
  /// Whether all is done.
  private(set) var hasEnded = false

  init(
    _ settings: Settings, memberID: String = "", fraction: @escaping @Sendable () -> Double = { .random(in: 0...1) }
  ) {
    self.settings = settings
    self.fraction = fraction
    session = FetchSession(settings.fetch)
    if case .group(let group) = settings.source { membership = GroupMembership(group, memberID: memberID) }
  }

  // MARK: What to do

  /// What to do now. `processed` tells how far users are; it is asked when that is to be committed.
  mutating func next(nowMs: Int64, processed: () -> [TopicPartition: ReadPosition]) -> [ConsumerStep] {
    guard !hasEnded else { return takeSteps() }
    if let end = membership?.sessionEndMs, end <= nowMs, !isEnding {
      rejoin("the broker was not heard of within the session's time-out", nowMs: nowMs)
    }
    notifyNext()
    letGo()
    if let dueMs = connectDueMs, dueMs <= nowMs {
      isConnecting = true
      outbox.append(.connect)
    }
    if let dueMs = dueMs(.commit), dueMs <= nowMs {
      collect(processed(), nowMs: nowMs)
      if let call = commit() { send(call) }
    }
    for kind in ConsumerCall.Kind.allCases where kind != .fetch && kind != .commit {
      if let dueMs = dueMs(kind), dueMs <= nowMs, let call = request(kind, nowMs: nowMs) { send(call) }
    }
    while let dueMs = dueMs(.fetch), dueMs <= nowMs {
      let id = nextID()
      guard let request = session.request(id, nowMs: nowMs) else { break }
      send(.fetch(request), as: id)
    }
    if isEnding { sayFarewell(nowMs: nowMs) }
    return takeSteps()
  }

  /// What is to be done at once, after an event and before `next`.
  mutating func takeSteps() -> [ConsumerStep] {
    defer { outbox = [] }
    return outbox
  }

  /// When there may be more to do without any event; nil: never.
  var wakeAtMs: Int64? {
    let calls = ConsumerCall.Kind.allCases.lazy.compactMap { dueMs($0) }.min()
    return hasEnded
      ? nil : [calls, connectDueMs, isEnding ? endAtMs : membership?.sessionEndMs].compactMap { $0 }.min()
  }

  /// At the end only who has something to tell needs a connection.
  private var connectDueMs: Int64? {
    isConnected || isConnecting || (isEnding && membership?.isMember != true) ? nil : connectAtMs
  }

  /// Whether it owns all that it shall own, and nothing else.
  var isSettled: Bool {
    missing.isEmpty && owned.values.allSatisfy { $0.phase == .assigning || $0.phase == .reading }
  }

  /// Whether it is a member that reads all that it shall own, and lets nothing go.
  var readsItsShare: Bool {
    membership?.isMember == true && membership?.isInDoubt == false && missing.isEmpty
      && owned.values.allSatisfy { $0.phase == .reading }
  }

  /// What it shall own.
  var assignment: PartitionAssignment {
    isEnding ? PartitionAssignment() : membership?.assignment ?? discovered ?? PartitionAssignment()
  }

  /// When a call of this kind is to be made; nil: not as things are.
  private func dueMs(_ kind: ConsumerCall.Kind) -> Int64? {
    guard isConnected, !busy.contains(kind), let dueMs = wantedMs(kind) else { return nil }
    return max(dueMs, retryAtMs[kind] ?? 0)
  }

  private func wantedMs(_ kind: ConsumerCall.Kind) -> Int64? {
    let isInDoubt = membership?.isInDoubt ?? false
    switch kind {
    case .join: return membership?.isMember == false && unlookedEnd == nil && !isEnding ? 0 : nil
    case .describe: return unlookedEnd != nil && !isEnding ? 0 : nil
    case .heartbeat: return membership?.isMember == true && !canLeave ? membership?.heartbeatDueMs : nil
    case .leave: return membership?.isMember == true && canLeave ? 0 : nil
    case .commit: return membership?.isMember == true && !isInDoubt ? commitDueMs : nil
    default: break
    }
    guard !isEnding, !isInDoubt else { return nil }
    switch kind {
    case .discover: return membership == nil ? discoverDueMs : nil
    case .position: return missing.isEmpty ? nil : positionAtMs
    case .lookUp: return seeks.contains { $0.call == nil } ? 0 : nil
    case .fetch: return session.dueMs
    default: return nil
    }
  }

  private var canLeave: Bool { isEnding && owned.isEmpty && noticeUnderWay == nil && notices.isEmpty }

  private var discoverDueMs: Int64? {
    if case .partitions = settings.source, discovered != nil { return nil }
    return discoverAtMs
  }

  mutating func nextID() -> UInt64 {
    lastID += 1
    return lastID
  }

  private mutating func send(_ call: ConsumerCall, as id: UInt64? = nil) {
    let id = id ?? nextID()
    inFlight[id] = call
    // Look-ups are told apart by what they are for.
    if call.kind != .fetch && call.kind != .lookUp { busy.insert(call.kind) }
    if case .lookUp = call, let index = seeks.firstIndex(where: { $0.call == nil }) { seeks[index].call = id }
    outbox.append(.call(id, call))
  }

  private mutating func request(_ kind: ConsumerCall.Kind, nowMs: Int64) -> ConsumerCall? {
    switch kind {
    case .join: return membership?.join(nowMs: nowMs).call
    case .heartbeat:
      let isSettled = isSettled
      return membership?.heartbeat(owned: ownership, isSettled: isSettled, nowMs: nowMs).call
    // A static member's place is kept for it: it goes without its instance's id.
    case .leave:
      return membership.map { .leave(LeaveGroupRequest(group: $0.settings.group, memberID: $0.memberID)) }
    case .describe: return membership.map { .describe(DescribeGroupRequest(group: $0.settings.group)) }
    case .discover: return .discover
    case .position: return .position(missing)
    case .lookUp: return lookUp()
    case .fetch, .commit: return nil
    }
  }

  mutating func cancel(_ kind: ConsumerCall.Kind) {
    for (id, call) in inFlight where call.kind == kind {
      inFlight[id] = nil
      outbox.append(.cancel(id))
      if kind == .fetch { session.fail(id, retryAtMs: 0) }
    }
    busy.remove(kind)
  }

  // MARK: The end

  /// Ends: what somebody is at work on comes back, is committed, and the group is left. `error`: why.
  mutating func stop(_ error: TailraceError?, nowMs: Int64) {
    guard !isEnding else { return }
    isEnding = true
    reason = error
    endAtMs = nowMs + settings.closeMs
    outbox.append(.finish(error))
    // A join is waited for: who has joined has to leave.
    for kind in [.position, .discover, .lookUp, .fetch, .describe] as [ConsumerCall.Kind] { cancel(kind) }
    failSeeks(of: Set(owned.keys), Self.closed)
    missing = PartitionAssignment()
    release(owned.filter { $0.value.phase == .reading }.map(\.key))
  }

  private mutating func sayFarewell(nowMs: Int64) {
    let hasLeft = canLeave && membership?.isMember != true && !busy.contains(.join)
    guard hasLeft || nowMs >= endAtMs else { return }
    hasEnded = true
    if ledger.hasUncommitted {
      outbox.append(.log(.info, "the last offsets are not committed: these records will come again"))
    }
    for kind in ConsumerCall.Kind.allCases { cancel(kind) }
    for request in commitRequests { outbox.append(.answer(request.id, .failure(Self.closed))) }
    commitRequests = []
    outbox.append(.close(Array(owned.keys)))
    owned = [:]
  }

  static let closed = TailraceError(.failedPrecondition, "this consumer was closed")
}

extension JoinGroupRequest { fileprivate var call: ConsumerCall { .join(self) } }

extension HeartbeatRequest { fileprivate var call: ConsumerCall { .heartbeat(self) } }
