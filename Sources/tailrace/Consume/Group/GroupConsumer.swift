import NIOCore
import TailraceClient
import TailraceWire

/// A member of a group that prints records: what it does next, and what it makes of each answer.
///
/// Pure: time, ids and chance come in, steps go out. `next` is called after each event, and at `wakeAtMs`.
///
/// A partition is owned from when it is read until its last offset is committed: one that goes is neither fetched nor
/// printed any further, is committed once what is being written is written, and is let go with the next heartbeat.
struct GroupConsumer {
  struct Settings {
    var membership: GroupMembership.Settings
    var commitIntervalMs: Int64 = 1_000
    /// Stop where every partition's end, as of when it was given, is reached.
    var exitsAtEnd = false
  }

  enum Step {
    /// Make a call, and tell of its answer under this number.
    case call(UInt64, GroupCall)
    /// Nobody waits for the answer any more.
    case cancel(UInt64)
    /// Write it, and say when that is done.
    case write(PrintPiece)
    /// A line for standard error.
    case say(String)
  }

  /// What was fetched and not printed yet may grow to this many bytes before a fetch, which may bring as many more.
  private static let maxPendingBytes = 8 << 20
  /// From one look at what could not be had to the next.
  private static let retryMs: Int64 = 1_000
  /// How long the last commit and the farewell may take.
  static let farewellMs: Int64 = 5_000

  let settings: Settings
  private let fraction: @Sendable () -> Double
  var membership: GroupMembership
  var session = ConsumeSession()
  var queue: PrintQueue
  var ledger = CommitLedger()
  /// What is read, and what goes but is not committed yet.
  private(set) var owned = PartitionAssignment()
  private var going: Set<TopicPartition> = []
  /// What it shall own and does not own yet.
  private var missing = PartitionAssignment()

  var isConnected = true
  var inFlight: [GroupCall.Kind: UInt64] = [:]
  private var lastCall: UInt64 = 0
  var commitsInFlight: [OffsetCommit] = []
  /// What is being written; empty once the membership is over under which it was read.
  var writing: [TopicPartition: ReadPosition]?
  var connectBackoff = Backoff()
  var joinBackoff = Backoff()
  var positionAtMs: Int64 = 0
  var commitAtMs: Int64 = 0
  var describeAtMs: Int64 = 0
  var outbox: [Step] = []
  /// Why a static member is none any more, until it has looked whether another one has its place.
  var unlookedEnd: String?
  /// What was said already about a trouble that is not over.
  var said: Set<String> = []

  private(set) var isEnding = false
  /// Why it ends; nil: all is well.
  var reason: CommandFailure?
  private var farewellEndMs: Int64?

  init(
    _ settings: Settings, queue: PrintQueue, memberID: String, fraction: @escaping @Sendable () -> Double
  ) {
    self.settings = settings
    self.queue = queue
    self.fraction = fraction
    membership = GroupMembership(settings.membership, memberID: memberID)
  }

  /// Whether all is done.
  private(set) var hasEnded = false

  // MARK: What to do

  /// What to do now.
  mutating func next(nowMs: Int64) -> [Step] {
    if let end = membership.sessionEndMs, end <= nowMs, !isEnding { endSession(nowMs: nowMs) }
    letGo()
    write(nowMs: nowMs)
    for kind in GroupCall.Kind.allCases where inFlight[kind] == nil {
      if let dueMs = dueMs(kind), dueMs <= nowMs { call(kind, nowMs: nowMs) }
    }
    if isEnding { sayFarewell(nowMs: nowMs) }
    defer { outbox = [] }
    return outbox
  }

  /// When there may be more to do without any event; nil: never.
  var wakeAtMs: Int64? {
    let calls = GroupCall.Kind.allCases.lazy.filter { inFlight[$0] == nil }.compactMap { dueMs($0) }
    return [calls.min(), isEnding ? farewellEndMs : membership.sessionEndMs].compactMap { $0 }.min()
  }

  /// Whether it owns all that it shall own, and nothing else.
  var isSettled: Bool { missing.isEmpty && going.isEmpty }

  /// When a call of this kind is to be made; nil: not as things are.
  private func dueMs(_ kind: GroupCall.Kind) -> Int64? {
    if kind == .connect { return isConnected || isEnding ? nil : connectBackoff.retryAtMs }
    guard isConnected else { return nil }
    guard membership.isMember else {
      return kind == (unlookedEnd == nil ? .join : .describe) && !isEnding ? joinBackoff.retryAtMs : nil
    }
    switch kind {
    case .heartbeat: return isEnding && writing == nil ? nil : membership.heartbeatDueMs
    case .commit: return ledger.hasUncommitted && !membership.isInDoubt ? commitDueMs : nil
    case .leave: return isEnding && writing == nil && !ledger.hasUncommitted && inFlight[.commit] == nil ? 0 : nil
    default: break
    }
    guard !isEnding, !membership.isInDoubt else { return nil }
    switch kind {
    case .position: return missing.isEmpty ? nil : positionAtMs
    case .fetch: return session.isAtEnd || queue.pendingBytes >= Self.maxPendingBytes ? nil : 0
    case .describe: return isAtEnd ? describeAtMs : nil
    default: return nil
    }
  }

  /// At once where somebody waits for it, but what is being written is waited for.
  private var commitDueMs: Int64 {
    let isUrgent = isEnding || going.contains { ledger.isUncommitted($0) }
    return isUrgent && writing == nil ? min(commitAtMs, commitRetryAtMs) : commitAtMs
  }

  /// A commit that failed is not tried again at once, however urgent it is.
  var commitRetryAtMs: Int64 = 0

  /// Whether everything is read that was to be, should the group be settled.
  var isAtEnd: Bool {
    settings.exitsAtEnd && isSettled && session.isAtEnd && queue.isEmpty && writing == nil
  }

  private mutating func call(_ kind: GroupCall.Kind, nowMs: Int64) {
    lastCall += 1
    inFlight[kind] = lastCall
    outbox.append(.call(lastCall, request(kind, nowMs: nowMs)))
  }

  private mutating func request(_ kind: GroupCall.Kind, nowMs: Int64) -> GroupCall {
    let group = settings.membership.group
    switch kind {
    case .connect: return .connect
    case .join: return .join(membership.join(nowMs: nowMs))
    case .heartbeat: return .heartbeat(membership.heartbeat(owned: owned, isSettled: isSettled, nowMs: nowMs))
    case .position: return .position(missing)
    case .fetch: return .fetch(session.nextRequest())
    case .commit:
      commitsInFlight = ledger.commits()
      commitAtMs = nowMs + settings.commitIntervalMs
      return .commit(
        CommitOffsetRequest(
          group: group, memberID: membership.memberID, memberEpoch: membership.epoch, offsets: commitsInFlight))
    case .describe: return .describe(DescribeGroupRequest(group: group))
    // A static member's place is kept for it: it goes without its instance's id.
    case .leave: return .leave(LeaveGroupRequest(group: group, memberID: membership.memberID))
    }
  }

  private mutating func write(nowMs: Int64) {
    guard writing == nil, !isEnding else { return }
    do throws(CommandFailure) {
      guard let piece = try queue.next() else { return }
      writing = piece.positions
      outbox.append(.write(piece))
    } catch {
      stop(error)
    }
  }

  // MARK: What it owns

  /// Goes by the assignment: what is not in it any more goes.
  mutating func reconcile(nowMs: Int64) {
    let missed = missing
    let leaving = Set(owned.subtracting(membership.assignment).topicIDs.keys).subtracting(going)
    if !leaving.isEmpty {
      going.formUnion(leaving)
      stopReading(leaving)
    }
    findMissing()
    if !missing.subtracting(missed).isEmpty { positionAtMs = nowMs }
    // Another member may read what was given and taken away again: the answer would be old by the time it is given back.
    if !missed.subtracting(missing).isEmpty { cancel(.position) }
  }

  /// What goes is not begun again before it has gone.
  private mutating func findMissing() {
    missing = membership.assignment.subtracting(owned)
    for partition in going { missing.remove(partition) }
  }

  /// Begins with partitions that it shall still own.
  mutating func begin(_ points: [StartingPoint], nowMs: Int64) {
    for point in points where missing.contains(point.cursor.id, topicID: point.cursor.topicID) {
      let cursor = point.cursor
      session.add(cursor)
      owned.insert(cursor.id, topicID: cursor.topicID)
      missing.remove(cursor.id)
      ledger.begin(
        cursor.id, topicID: cursor.topicID, at: ReadPosition(offset: cursor.offset, epoch: cursor.lastEpoch),
        isStored: point.isStored)
      cancel(.fetch)
      membership.ownsOther()
    }
    // The others may not be there yet, or not any more.
    positionAtMs = missing.isEmpty ? nowMs : nowMs + Self.retryMs
    describeAtMs = nowMs
  }

  /// Gives up partitions that the broker does not have, or has for another member: uncommitted. Where they are still
  /// assigned they are begun anew, a little later.
  mutating func abandon(_ partitions: Set<TopicPartition>, nowMs: Int64) {
    stopReading(partitions)
    for partition in partitions { drop(partition) }
    positionAtMs = nowMs + Self.retryMs
  }

  private mutating func stopReading(_ partitions: Set<TopicPartition>) {
    session.remove(partitions)
    queue.remove(partitions)
    // Its answer would be about partitions that are not read.
    cancel(.fetch)
  }

  /// Lets go what goes, as far as it is committed.
  private mutating func letGo() {
    guard !going.isEmpty else { return }
    for partition in going where writing?[partition] == nil && !ledger.isUncommitted(partition) { drop(partition) }
  }

  private mutating func drop(_ partition: TopicPartition) {
    ledger.forget(partition)
    writing?[partition] = nil
    going.remove(partition)
    owned.remove(partition)
    findMissing()
    membership.ownsOther()
  }

  // MARK: Troubles

  /// The membership is over: nothing is owned any more, and it joins again. A static member looks first whether another
  /// one has its place: to join then would throw that one out, and so on.
  mutating func rejoin(_ why: String, nowMs: Int64) {
    for kind in GroupCall.Kind.allCases where kind != .connect { cancel(kind) }
    session = ConsumeSession()
    queue.removeAll()
    // At the end it is still told what is not committed.
    if !isEnding { ledger = CommitLedger() }
    (owned, missing, going) = (PartitionAssignment(), PartitionAssignment(), [])
    if writing != nil { writing = [:] }
    membership.end()
    guard !isEnding else { return }
    if settings.membership.instanceID == nil { sayRejoining(why) } else { unlookedEnd = why }
    joinBackoff.fail(nowMs: nowMs, fraction: fraction())
  }

  mutating func sayRejoining(_ why: String) {
    outbox.append(
      .say("\(why); joining group '\(settings.membership.group)' anew, what was not committed will come again"))
  }

  private mutating func endSession(nowMs: Int64) {
    rejoin("the session is over: the broker was not heard of in time", nowMs: nowMs)
  }

  /// The connection is of no use any more. What was asked over it is asked again over the next one.
  mutating func loseConnection(_ error: RPCError, nowMs: Int64) {
    isConnected = false
    for kind in GroupCall.Kind.allCases { cancel(kind) }
    membership.doubt()
    connectBackoff.fail(nowMs: nowMs, fraction: fraction(), boundMs: membership.maxRetryMs)
    if !isEnding { sayOnce(Self.outage, "\(error.line); trying again") }
  }

  static let outage = "outage"

  /// Says a thing once, until its trouble is over.
  mutating func sayOnce(_ trouble: String, _ text: String) {
    if said.insert(trouble).inserted { outbox.append(.say(text)) }
  }

  mutating func cancel(_ kind: GroupCall.Kind) {
    if let call = inFlight.removeValue(forKey: kind) { outbox.append(.cancel(call)) }
  }

  /// Goes back in a partition whose log fell back: what was read from there on is gone.
  mutating func goBack(_ partition: TopicPartition, to offset: Int64) {
    queue.remove([partition])
    writing?[partition] = nil
    ledger.wrote(partition, ReadPosition(offset: offset, epoch: nil))
  }

  // MARK: The end

  /// Ends: what is being written is written, then committed, then the group is left.
  mutating func stop(_ reason: CommandFailure?) {
    guard !isEnding else { return }
    isEnding = true
    self.reason = reason
    for kind in [.connect, .join, .position, .fetch, .describe] as [GroupCall.Kind] { cancel(kind) }
    queue.removeAll()
  }

  private mutating func sayFarewell(nowMs: Int64) {
    guard writing == nil else { return }
    let endMs = farewellEndMs ?? nowMs + Self.farewellMs
    farewellEndMs = endMs
    guard !isConnected || !membership.isMember || nowMs >= endMs else { return }
    hasEnded = true
    for kind in GroupCall.Kind.allCases { cancel(kind) }
    guard ledger.hasUncommitted else { return }
    let text =
      "the last offsets of group '\(settings.membership.group)' are not committed: these records will come again"
    reason = reason ?? CommandFailure(RPCError(.unavailable, text))
    if reason?.message != text { outbox.append(.say(text)) }
  }
}
