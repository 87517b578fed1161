internal import DequeModule
internal import NIOCore
internal import Synchronization
internal import TailraceStorage
internal import TailraceWire

/// Fetches with `decode` that take too long for an event loop: a few at a time, the connections in turn.
///
/// What waits holds no data: it is read when its turn comes, so that a connection which asks for a thousand megabytes gets
/// them one after the other and holds up neither other connections nor the calls that run in tasks. Thread-safe.
final class DecodeQueue: Sendable {
  /// A fetch that has data to read.
  struct Job: Sendable {
    let plan: FetchPlan
    let call: CallID
    let connection: any CallConnection
  }

  private let store: any LogStore
  private let maxRunning: Int
  private let state = Mutex(State())

  private struct State {
    /// By connection, none of them empty.
    var waiting: [ObjectIdentifier: Deque<Job>] = [:]
    /// The connections of `waiting`, in the order of their turns.
    var turns: Deque<ObjectIdentifier> = []
    var runningCount = 0

    mutating func append(_ job: Job) {
      let connection = ObjectIdentifier(job.connection)
      if waiting[connection] == nil { turns.append(connection) }
      waiting[connection, default: []].append(job)
    }

    mutating func next() -> Job? {
      while let connection = turns.popFirst() {
        guard let job = waiting[connection]?.popFirst() else { continue }
        if waiting[connection]?.isEmpty == true { waiting[connection] = nil } else { turns.append(connection) }
        return job
      }
      return nil
    }
  }

  /// `maxRunning`: below the number of threads that tasks run on, unless there is only one.
  init(store: any LogStore, maxRunning: Int) {
    self.store = store
    self.maxRunning = max(1, maxRunning)
  }

  /// How many jobs wait for their turn.
  var count: Int { state.withLock { $0.waiting.values.reduce(0) { $0 + $1.count } } }

  func add(_ job: Job) {
    let startsWorker = state.withLock { state in
      state.append(job)
      guard state.runningCount < maxRunning else { return false }
      state.runningCount += 1
      return true
    }
    if startsWorker { Task { await work() } }
  }

  /// Drops a job that nobody waits for any more, unless it has begun.
  func abandon(_ call: CallID, of connection: any CallConnection) {
    let identifier = ObjectIdentifier(connection)
    state.withLock { state in
      state.waiting[identifier]?.removeAll { $0.call == call }
      if state.waiting[identifier]?.isEmpty == true { state.waiting[identifier] = nil }
    }
  }

  /// Drops all jobs of a connection.
  func abandonAll(of connection: any CallConnection) {
    state.withLock { $0.waiting[ObjectIdentifier(connection)] = nil }
  }

  private func work() async {
    while let job = takeJob() {
      let outcomes = await read(job.plan)
      job.connection.respond(FetchResponseBuilder(plan: job.plan).records(outcomes), to: job.call)
      await Task.yield()
    }
  }

  /// The next job; without one the worker that asks is done.
  private func takeJob() -> Job? {
    state.withLock { state in
      let job = state.next()
      if job == nil { state.runningCount -= 1 }
      return job
    }
  }

  private func read(_ plan: FetchPlan) async -> [ReadOutcome] {
    await withCheckedContinuation { continuation in
      store.read(plan.reads, maxBytes: plan.maxBytes, form: .bytes) { continuation.resume(returning: $0) }
    }
  }
}
