internal import DequeModule
internal import NIOCore
internal import Synchronization
internal import TailraceWire

/// Runs calls off the event loops: connections in turn, a bounded number at a time, of all and of each connection.
///
/// One connection's thousand calls hold up neither other connections nor, with one call of a connection at a time, each
/// other's order. What jobs capture is charged to the process's memory from `add` until they have run or are dropped;
/// a connection that has much waiting is to be asked for no more (`isFull`). Thread-safe.
final class CallQueue: Sendable {
  /// A call, and what answers it.
  struct Job: Sendable {
    let call: CallID
    let connection: any CallConnection
    /// What it captures of the request.
    let byteCount: Int
    /// Runs in a task, which is cancelled when the call is abandoned.
    let run: @Sendable () async -> Void
  }

  /// Adds a job for a call that was taken. It keeps the message, and not the read that the message came with.
  func add(
    _ call: InboundCall, from connection: any CallConnection, _ run: @escaping @Sendable (InboundCall) async -> Void
  ) {
    let kept = call.compacted
    add(
      Job(call: call.id, connection: connection, byteCount: kept.message.readableBytes) {
        if !Task.isCancelled { await run(kept) }
      })
  }

  private let executor: CallExecutor?
  private let maxRunning: Int
  private let maxRunningPerConnection: Int
  private let state = Mutex(State())
  /// Jobs that wait or run: without any, questions cost no lock.
  private let jobCount = Atomic<Int>(0)

  /// A job that was taken: its call's number may be in use again before it ends.
  private struct Running {
    let call: CallID
    /// Nil until it is known.
    var task: Task<Void, Never>?
    var isAbandoned = false
  }

  private struct Lane {
    var waiting = WaitingJobs()
    /// By ticket.
    var running: [UInt64: Running] = [:]
    var isInTurns = false

    /// Marks what runs as abandoned; the tasks to cancel.
    mutating func abandonRunning(_ call: CallID? = nil) -> [Task<Void, Never>] {
      var tasks: [Task<Void, Never>] = []
      for (ticket, job) in running where call == nil || job.call == call {
        running[ticket]?.isAbandoned = true
        if let task = job.task { tasks.append(task) }
      }
      return tasks
    }
  }

  private struct State {
    /// By connection; none without a job.
    var lanes: [ObjectIdentifier: Lane] = [:]
    var nextTicket: UInt64 = 0
    /// Lanes that have a job which may run.
    var turns: Deque<ObjectIdentifier> = []
    var runningCount = 0
  }

  /// - Parameter executor: Where jobs run; nil: where tasks do.
  init(maxRunning: Int, maxRunningPerConnection: Int, executor: CallExecutor? = nil) {
    self.executor = executor
    self.maxRunning = max(1, maxRunning)
    self.maxRunningPerConnection = max(1, maxRunningPerConnection)
  }

  /// How many jobs wait for their turn.
  var waitingCount: Int { state.withLock { $0.lanes.values.reduce(0) { $0 + $1.waiting.count } } }

  /// Whether jobs of this connection wait or run: what must come after them has to go through the queue too.
  func isBusy(with connection: any CallConnection) -> Bool {
    guard jobCount.load(ordering: .acquiring) > 0 else { return false }
    return state.withLock { $0.lanes[ObjectIdentifier(connection)] != nil }
  }

  /// Whether so much of this connection waits that no more is to be added for now. Some of it is answered, or dropped,
  /// before that changes.
  func isFull(for connection: any CallConnection) -> Bool {
    guard jobCount.load(ordering: .acquiring) > 0 else { return false }
    return state.withLock { $0.lanes[ObjectIdentifier(connection)]?.waiting.isFull ?? false }
  }

  /// Adds a job, or answers its call with RESOURCE_EXHAUSTED where there is no memory for it.
  func add(_ job: Job) {
    guard job.connection.hold(job.byteCount) else {
      let message = "too much that was sent to this server waits for its turn; try again later"
      job.connection.respond(
        .failure(RPCError(.resourceExhausted, message, error: .limitReached)), to: job.call)
      return
    }
    jobCount.add(1, ordering: .releasing)
    let identifier = ObjectIdentifier(job.connection)
    state.withLock { state in
      state.lanes[identifier, default: Lane()].waiting.append(job)
      offerTurn(identifier, &state)
    }
    startJobs()
  }

  /// What a job held is free again.
  private func discharge(_ job: Job) {
    jobCount.subtract(1, ordering: .releasing)
    job.connection.release(job.byteCount)
  }

  /// Drops a job that nobody waits for any more, or cancels its task if it runs.
  func abandon(_ call: CallID, of connection: any CallConnection) {
    abandon(of: connection) { lane in
      if let dropped = lane.waiting.remove(call) { return ([dropped], []) }
      return ([], lane.abandonRunning(call))
    }
  }

  /// The same for all jobs of a connection.
  func abandonAll(of connection: any CallConnection) {
    abandon(of: connection) { lane in (lane.waiting.removeAll(), lane.abandonRunning()) }
  }

  /// `body` takes jobs out of a lane, and says which tasks are to be cancelled.
  private func abandon(
    of connection: any CallConnection, _ body: (inout Lane) -> (dropped: [Job], tasks: [Task<Void, Never>])
  ) {
    guard jobCount.load(ordering: .acquiring) > 0 else { return }
    let identifier = ObjectIdentifier(connection)
    let (dropped, tasks) = state.withLock { state -> ([Job], [Task<Void, Never>]) in
      guard state.lanes[identifier] != nil else { return ([], []) }
      // In place: a copy of a lane would cost as much as there is in it.
      let found = body(&state.lanes[identifier, default: Lane()])
      removeIfIdle(identifier, &state)
      return found
    }
    for job in dropped { discharge(job) }
    for task in tasks { task.cancel() }
  }

  private func startJobs() {
    while let (job, ticket, isRoomNew) = takeJob() {
      if isRoomNew { job.connection.offerAgain() }
      let task = Task(executorPreference: executor) {
        await job.run()
        self.finish(job, ticket)
      }
      let identifier = ObjectIdentifier(job.connection)
      let isAbandoned = state.withLock { state in
        // Nil if it is over already.
        state.lanes[identifier]?.running[ticket]?.task = task
        return state.lanes[identifier]?.running[ticket]?.isAbandoned ?? false
      }
      if isAbandoned { task.cancel() }
    }
  }

  /// The next job that may run now, its ticket, and whether its connection was full before and is not any more.
  private func takeJob() -> (Job, UInt64, Bool)? {
    state.withLock { state in
      guard state.runningCount < maxRunning else { return nil }
      while let identifier = state.turns.popFirst() {
        state.lanes[identifier]?.isInTurns = false
        let wasFull = state.lanes[identifier]?.waiting.isFull ?? false
        guard let job = state.lanes[identifier]?.waiting.popFirst() else { continue }
        let isFull = state.lanes[identifier]?.waiting.isFull ?? false
        state.nextTicket &+= 1
        state.runningCount += 1
        state.lanes[identifier]?.running[state.nextTicket] = Running(call: job.call)
        offerTurn(identifier, &state)
        return (job, state.nextTicket, wasFull && !isFull)
      }
      return nil
    }
  }

  private func finish(_ job: Job, _ ticket: UInt64) {
    let identifier = ObjectIdentifier(job.connection)
    state.withLock { state in
      state.runningCount -= 1
      state.lanes[identifier]?.running.removeValue(forKey: ticket)
      offerTurn(identifier, &state)
      removeIfIdle(identifier, &state)
    }
    discharge(job)
    startJobs()
  }

  private func offerTurn(_ identifier: ObjectIdentifier, _ state: inout State) {
    guard let lane = state.lanes[identifier], !lane.isInTurns, !lane.waiting.isEmpty,
      lane.running.count < maxRunningPerConnection
    else { return }
    state.lanes[identifier]?.isInTurns = true
    state.turns.append(identifier)
  }

  private func removeIfIdle(_ identifier: ObjectIdentifier, _ state: inout State) {
    guard let lane = state.lanes[identifier], lane.waiting.isEmpty, lane.running.isEmpty else { return }
    state.lanes[identifier] = nil
    if lane.isInTurns { state.turns.removeAll { $0 == identifier } }
  }
}
