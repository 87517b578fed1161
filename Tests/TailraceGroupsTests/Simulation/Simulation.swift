import NIOCore
@testable import TailraceGroups
import TailraceTestSupport
import TailraceWire

/// A group, its clients, the network between them and the log below, in simulated time; all from one seed.
///
/// Messages are lost, repeated, late and out of order. Clients die, pause, let go late or never, come back. The broker is
/// killed at any point, and what was not durable is gone with the answers that waited for it.
final class Simulation {
  /// How large histories are.
  struct Scale {
    var processes = 6
    /// So many of them begin at once.
    var crowd = 0
    var topics = 3
    var partitions = 16
    var steps = 120
  }

  enum Request {
    case join(JoinGroupRequest)
    case heartbeat(HeartbeatRequest)
    case leave(LeaveGroupRequest)
    case commit(CommitOffsetRequest)
  }

  enum Response {
    case join(Result<JoinGroupResponse, GroupError>)
    case heartbeat(Result<HeartbeatResponse, GroupError>)
    case commit(Result<CommitOffsetResponse, GroupError>, life: Int)
    case none
  }

  enum Event {
    case arrives(Request, process: Int, number: Int, life: Int)
    case answered(Response, process: Int, number: Int)
    case wakes(process: Int)
    case flushes
  }

  struct Delivery {
    let response: Response
    let process: Int
    let number: Int
    let member: String
    /// How often the group was deleted before.
    let generation: Int
  }

  /// How late a message may be, in milliseconds.
  static let longestDelayMs: Int64 = 8_000
  /// The longest time between two computations of a target, in milliseconds.
  static let longestIntervalMs: Int64 = 500

  let scale: Scale
  /// What most members ask for.
  let assignor: Assignor
  var random: SeededGenerator
  var now: Int64 = 1_000_000
  var group: Group
  var log = SimulatedLog<Delivery>()
  var topics: [TopicCatalog.Topic] = []
  var processes: [SimulatedProcess] = []
  var deadline: Int64?
  /// Whether the group had an event since it was last checked.
  var isUnchecked = false
  /// Whether faults are over.
  var isCalm = false
  /// When the group is to be settled.
  var settlesAtMs: Int64 = 0
  /// Each offset that is committed is another one.
  var lastOffset: Int64 = 0
  /// What happened, line by line, if that is wanted.
  var history: [String] = []
  var isRecorded = false
  var counters = SimulationCounters()

  private var events: [(time: Int64, event: Event)] = []
  private var nextNumber = 0
  private var nextTicket: UInt64 = 0
  private var tickets: [UInt64: (process: Int, number: Int, member: String)] = [:]
  var checks = SimulationChecks()

  init(seed: UInt64, scale: Scale) throws {
    random = SeededGenerator(seed: seed)
    self.scale = scale
    guard let id = GroupID("a/group") else { throw SimulationFailure("no group id") }
    // Most groups are sticky.
    assignor = [.sticky, .sticky, .sticky, .sticky, .range, .roundRobin][random.below(6)]
    let limits = Self.limits(using: &random)
    group = Group(id, topics: TopicCatalog([]) { _, _ in false }, limits: limits)
    for _ in 0...random.below(scale.topics) { addTopic() }
    try accept(group.topicsChanged(catalog, now: now)) { _ in nil }
  }

  private static func limits(using random: inout SeededGenerator) -> GroupLimits {
    var limits = GroupLimits()
    limits.offsetsRetentionMs = random.below(4) == 0 ? Int64(1_000 + random.below(8_000)) : nil
    // Half of them share out partitions as large groups do.
    if random.below(2) == 0 {
      limits.promptAssignmentSize = 0
      limits.assignmentIntervalMs = 1 + Int64(random.below(Int(longestIntervalMs)))
    }
    return limits
  }

  var catalog: TopicCatalog { TopicCatalog(topics) { pattern, topic in topic.hasPrefix(pattern) } }

  func addTopic() {
    func name(_ number: Int) -> String { "\(["even", "odd"][number % 2])-\(number)" }
    var number = topics.count + random.below(1_000) * 100
    // Two topics never have the same name: by its name nobody could subscribe to the second one, and the checks would
    // wait for somebody to read it.
    while topics.contains(where: { $0.name == name(number) }) { number += 100 }
    topics.append(
      TopicCatalog.Topic(
        id: .random(using: &random), name: name(number),
        partitionCount: UInt32(1 + random.below(max(1, scale.partitions / scale.topics)))))
  }

  // MARK: - Time and network

  /// The next thing that happens.
  func step() throws {
    let next = events.indices.min { events[$0].time < events[$1].time }
    if let deadline, deadline <= next.map({ events[$0].time }) ?? .max {
      now = max(now, deadline)
      note("timePassed")
      self.deadline = nil
      try accept(group.timePassed(now: now)) { _ in nil }
      if let deadline = self.deadline, deadline <= now { throw SimulationFailure("the deadline does not move on") }
      return
    }
    guard let next else { return }
    let (time, event) = events.remove(at: next)
    now = max(now, time)
    try perform(event)
  }

  /// Everything up to this time happens.
  func run(until time: Int64) throws {
    while let next = (events.map(\.time) + [deadline].compactMap(\.self)).min(), next <= time {
      try step()
      try check()
    }
    now = max(now, time)
  }

  private func perform(_ event: Event) throws {
    switch event {
    case .arrives(let request, let process, let number, let life):
      note("arrives \(process) #\(number) \(Self.name(request))")
      try arrive(request, process, number, life)
    case .answered(let response, let process, let number):
      note("answered \(process) #\(number) \(Self.name(response))")
      hear(response, process, number)
    case .wakes(let process): wake(process)
    case .flushes:
      note("flush")
      try deliver(log.flush(1 + random.below(3)))
      if log.hasPending { at(1 + Int64(random.below(20)), .flushes) }
    }
  }

  /// No message that is under way arrives.
  func dropMessages() {
    events.removeAll { if case .arrives = $0.event { true } else { false } }
  }

  func at(_ delay: Int64, _ event: Event) { events.append((now + delay, event)) }

  /// Sends a request over the network; returns its number.
  @discardableResult
  func send(_ request: Request, from process: Int) -> Int {
    nextNumber += 1
    for _ in 0..<copies {
      at(delay, .arrives(request, process: process, number: nextNumber, life: processes[process].life))
    }
    return nextNumber
  }

  private var copies: Int {
    guard !isCalm else { return 1 }
    let chance = random.below(100)
    return chance < 4 ? 0 : chance < 12 ? 2 : 1
  }

  private var delay: Int64 {
    Int64(!isCalm && random.below(100) < 6 ? random.below(Int(Self.longestDelayMs)) : random.below(40))
  }

  private func deliver(_ deliveries: [Delivery]) throws {
    for delivery in deliveries {
      // It counts as told, also where it is lost on its way.
      try checks.told(delivery)
      guard isCalm || random.below(100) >= 4 else { continue }
      at(delay, .answered(delivery.response, process: delivery.process, number: delivery.number))
    }
  }

  // MARK: - Coordinator

  private func arrive(_ request: Request, _ process: Int, _ number: Int, _ life: Int) throws {
    func to(_ response: Response, member: String = "") -> Delivery {
      Delivery(
        response: response, process: process, number: number, member: member, generation: checks.generation)
    }
    switch request {
    case .join(let join):
      guard let drawn = MemberID("drawn-\(nextNumber)-\(number)") else { return }
      try accept(group.join(join, drawnID: drawn, peer: "peer", now: now)) { to(.join($0)) }
    case .heartbeat(let heartbeat):
      nextTicket += 1
      tickets[nextTicket] = (process, number, heartbeat.memberID)
      let ticket = nextTicket
      try accept(group.heartbeat(heartbeat, ticket: ticket, now: now)) { result in
        switch result {
        case .success(.parked): return nil
        case .success(.answered(let response)):
          tickets[ticket] = nil
          return to(.heartbeat(.success(response)), member: heartbeat.memberID)
        case .failure(let error):
          tickets[ticket] = nil
          return to(.heartbeat(.failure(error)))
        }
      }
      if !isCalm, random.below(100) < 5 {
        group.abandon(ticket: ticket, of: heartbeat.memberID)
        tickets[ticket] = nil
      }
    case .leave(let leave): try accept(group.leave(leave, now: now)) { _ in to(.none) }
    case .commit(let commit):
      let outcome = group.commit(commit, now: now)
      try checks.committed(commit, outcome.reply, self)
      try accept(outcome) { to(.commit($0, life: life)) }
    }
  }

  /// Persists what an event led to, and delivers what may be.
  func accept<Reply>(
    _ outcome: GroupOutcome<Reply>, _ reply: (Result<Reply, GroupError>) -> Delivery?
  ) throws {
    isUnchecked = true
    deadline = outcome.nextDeadlineMs
    var deliveries: [Delivery] = []
    for answer in outcome.answers {
      guard let (process, number, member) = tickets.removeValue(forKey: answer.ticket) else {
        if isCalm { throw SimulationFailure("ticket \(answer.ticket) is answered twice or was never given") }
        continue
      }
      deliveries.append(
        Delivery(
          response: .heartbeat(answer.result), process: process, number: number, member: member,
          generation: checks.generation))
    }
    if let reply = reply(outcome.reply) { deliveries.append(reply) }
    let hadPending = log.hasPending
    try deliver(log.append(outcome.records, deliveries))
    if log.hasPending, !hadPending { at(1 + Int64(random.below(20)), .flushes) }
  }

  /// The broker is killed and started.
  func crash() throws {
    note("crash")
    log.crash(using: &random)
    tickets = [:]
    var revived = Group(group.id, topics: catalog, limits: group.limits)
    try log.replay(.durable, into: &revived, using: &random)
    group = revived
    let outcome = group.replayed(now: now)
    log.restart(from: group.allRecords)
    try checks.crashed(self)
    try accept(outcome) { _ in nil }
  }

  func note(_ line: @autoclosure () -> String) {
    guard isRecorded else { return }
    history.append("\(now - 1_000_000): \(line())")
  }

  private static func name(_ request: Request) -> String {
    switch request {
    case .join(let join): "join \(join.memberID) \(join.instanceID ?? "")"
    case .heartbeat(let beat): "heartbeat \(beat.memberID) \(beat.memberEpoch) \(beat.owned.ids.count)"
    case .leave(let leave): "leave \(leave.memberID)"
    case .commit(let commit): "commit \(commit.memberID) \(commit.memberEpoch)"
    }
  }

  private static func name(_ response: Response) -> String {
    switch response {
    case .join(.success(let join)): "joined \(join.memberID) \(join.memberEpoch) \(join.assignment.ids.count)"
    case .heartbeat(.success(let beat)): "told \(beat.memberEpoch) \(beat.assignment.ids.count)"
    case .join(.failure(let error)), .heartbeat(.failure(let error)): "\(error)"
    case .commit(let result, _): "\(result)".prefix(60).description
    case .none: "done"
    }
  }
}
