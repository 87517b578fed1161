internal import NIOCore
internal import Synchronization
package import TailraceStorage
package import TailraceWire

/// Where fetches wait until there is enough to read, or their time is up.
///
/// Thread-safe. A parked fetch belongs to its connection's event loop: it is woken, read again and answered there.
package final class FetchPurgatory: Sendable {
  /// Bounds on what waits, below those on calls in flight: a full purgatory leaves room for other calls.
  package struct Limits: Sendable {
    package var perConnection = 256
    package var total = 100_000
    /// Targets of waiting fetches, in sum.
    package var targetsPerConnection = 20_000
    package var targetsInTotal = 1_000_000

    package init() {}
  }

  private let store: any LogStore
  private let limits: Limits
  private let state = Mutex(State())

  private struct State {
    /// By connection: a connection that closes must not cost a look at everybody's fetches.
    private(set) var parked: [ObjectIdentifier: [CallID: ParkedFetch]] = [:]
    private(set) var count = 0
    private(set) var targetCount = 0
    var isDraining = false

    func fetch(_ key: ParkedFetch.Key) -> ParkedFetch? { parked[key.connection]?[key.call] }

    func count(of connection: ObjectIdentifier) -> Int { parked[connection]?.count ?? 0 }

    func targetCount(of connection: ObjectIdentifier) -> Int {
      parked[connection]?.values.reduce(0) { $0 + $1.plan.targets.count } ?? 0
    }

    mutating func insert(_ fetch: ParkedFetch) {
      if parked[fetch.key.connection, default: [:]].updateValue(fetch, forKey: fetch.key.call) == nil {
        count += 1
        targetCount += fetch.plan.targets.count
      }
    }

    mutating func remove(_ key: ParkedFetch.Key) {
      guard let fetch = parked[key.connection]?.removeValue(forKey: key.call) else { return }
      count -= 1
      targetCount -= fetch.plan.targets.count
      if parked[key.connection]?.isEmpty == true { parked[key.connection] = nil }
    }
  }

  package init(store: any LogStore, limits: Limits = Limits()) {
    self.store = store
    self.limits = limits
  }

  /// Whether fetches are not to wait any more.
  var isDraining: Bool { state.withLock { $0.isDraining } }

  /// How many fetches wait now.
  package var count: Int { state.withLock { $0.count } }

  /// Parks a fetch after a read that was not enough. Event loop only. Throws RESOURCE_EXHAUSTED where too many wait.
  func park(_ fetch: ParkedFetch, after outcomes: [ReadOutcome]) throws(RPCError) {
    let isDraining = try insert(fetch)
    if isDraining {
      finish(fetch, with: outcomes)
      return
    }
    fetch.set(
      timer: fetch.connection.eventLoop.scheduleTask(in: .milliseconds(fetch.plan.maxWaitMs)) { self.hurry(fetch) })
    watch(fetch, after: Seen(outcomes, fetch.plan))
  }

  /// Answers all fetches of a connection with what there is. Event loop only.
  package func hurryAll(of connection: any CallConnection) {
    for fetch in fetches(of: connection) { hurry(fetch) }
  }

  /// Releases a fetch that nobody waits for any more, if it is parked.
  package func abandon(_ call: CallID, of connection: any CallConnection) {
    let key = ParkedFetch.Key(connection: ObjectIdentifier(connection), call: call)
    if let fetch = state.withLock({ $0.fetch(key) }) { _ = release(fetch) }
  }

  /// Releases all fetches of a connection.
  package func abandonAll(of connection: any CallConnection) {
    for fetch in fetches(of: connection) { _ = release(fetch) }
  }

  private func fetches(of connection: any CallConnection) -> [ParkedFetch] {
    state.withLock { state in state.parked[ObjectIdentifier(connection)].map { Array($0.values) } ?? [] }
  }

  /// Answers all parked fetches with what there is, and lets none wait from now on.
  package func drain() {
    let fetches = state.withLock { state in
      state.isDraining = true
      return state.parked.values.flatMap(\.values)
    }
    for fetch in fetches { fetch.connection.eventLoop.execute { self.hurry(fetch) } }
  }

  /// True where fetches are not to wait any more.
  private func insert(_ fetch: ParkedFetch) throws(RPCError) -> Bool {
    let refusal = state.withLock { state -> RPCError? in
      let count = state.count(of: fetch.key.connection)
      guard count < limits.perConnection, state.count < limits.total else {
        return RPCError(
          .resourceExhausted,
          "\(count) fetches of this connection wait for data, \(state.count) in all; at most"
            + " \(limits.perConnection) and \(limits.total) may", error: .limitReached)
      }
      let targets = state.targetCount(of: fetch.key.connection) + fetch.plan.targets.count
      guard targets <= limits.targetsPerConnection,
        state.targetCount + fetch.plan.targets.count <= limits.targetsInTotal
      else {
        return RPCError(
          .resourceExhausted,
          "fetches of this connection would wait for \(targets) partitions; at most \(limits.targetsPerConnection) and"
            + " \(limits.targetsInTotal) in all may", error: .limitReached)
      }
      state.insert(fetch)
      return nil
    }
    if let refusal { throw refusal }
    return state.withLock { $0.isDraining }
  }

  /// `seen`: by the read that was not enough. What it read is not kept: it is read again.
  private func watch(_ fetch: ParkedFetch, after seen: Seen) {
    var unwatched: [Int] = []
    // Before one of them has grown by its share of what is missing, all of them together have not by enough.
    let share = max(1, (fetch.plan.bounds.minBytes - seen.byteCount) / max(1, fetch.plan.reads.count))
    for (index, (read, mark)) in zip(fetch.plan.reads, seen.highWatermarks).enumerated()
    where !fetch.isHopeless(index) {
      guard let mark else { continue }
      let waiter = store.awaitAdvance(of: read.partition, past: mark, bytes: share) { self.wake(fetch, after: seen) }
      if let waiter {
        if !fetch.add(waiter) { store.cancel(waiter) }
      } else {
        unwatched.append(index)
      }
    }
    if !unwatched.isEmpty { wake(fetch, after: seen, unwatched) }
  }

  /// On any thread: a partition has news since what was `seen`, or will never have any. `unwatched`: the
  /// places in it of partitions that took no waiter.
  private func wake(_ fetch: ParkedFetch, after seen: Seen, _ unwatched: [Int] = []) {
    guard fetch.claimWake() else { return }
    // To read many partitions again takes a while: the more there are, the less often.
    let delay = TimeAmount.milliseconds(Int64(fetch.plan.targets.count / 64))
    afterwards(delay, on: fetch.connection.eventLoop) {
      for waiter in fetch.takeWaiters() { self.store.cancel(waiter) }
      self.read(fetch) { newOutcomes in
        if fetch.plan.isSatisfied(by: newOutcomes) {
          self.finish(fetch, with: newOutcomes)
        } else {
          // No waiter, and yet nothing new: this partition takes no more appends.
          let news = Seen(newOutcomes, fetch.plan)
          fetch.giveUp(unwatched.filter { news.highWatermarks[$0] == seen.highWatermarks[$0] })
          fetch.sleepAgain()
          self.watch(fetch, after: news)
        }
      }
    }
  }

  private func afterwards(_ delay: TimeAmount, on eventLoop: any EventLoop, _ body: @escaping @Sendable () -> Void) {
    if delay == .zero { eventLoop.execute(body) } else { _ = eventLoop.scheduleTask(in: delay, body) }
  }

  /// Reads again; `then` is called on the event loop.
  private func read(_ fetch: ParkedFetch, then: @escaping @Sendable ([ReadOutcome]) -> Void) {
    let eventLoop = fetch.connection.eventLoop
    store.read(fetch.plan.reads, maxBytes: fetch.plan.bounds.maxBytes, form: .chunks) { outcomes in
      if eventLoop.inEventLoop { then(outcomes) } else { eventLoop.execute { then(outcomes) } }
    }
  }

  /// Answers a fetch with what there is. Event loop only.
  private func hurry(_ fetch: ParkedFetch) {
    read(fetch) { self.finish(fetch, with: $0) }
  }

  private func finish(_ fetch: ParkedFetch, with outcomes: [ReadOutcome]) {
    if release(fetch) { fetch.answer(outcomes) }
  }

  /// True for the first who releases the fetch.
  private func release(_ fetch: ParkedFetch) -> Bool {
    guard fetch.finish() else { return false }
    state.withLock { $0.remove(fetch.key) }
    for waiter in fetch.takeWaiters() { store.cancel(waiter) }
    return true
  }
}

/// What a read found.
private struct Seen {
  /// One for each partition; nil for what failed.
  let highWatermarks: [Offset?]
  /// Of all that there was, as the plan counts it.
  let byteCount: Int

  init(_ outcomes: [ReadOutcome], _ plan: FetchPlan) {
    highWatermarks = outcomes.map { outcome in
      guard case .read(let result) = outcome else { return nil }
      return result.bounds.highWatermark
    }
    byteCount = plan.countedBytes(outcomes)
  }
}
