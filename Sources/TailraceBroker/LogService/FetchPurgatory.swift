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

  /// What one connection has parked.
  private final class Parked {
    var fetches: [CallID: ParkedFetch] = [:]
    var targetCount = 0
    /// Due when the time of one of those is up, or of one that was answered meanwhile: consumers fetch much more often than
    /// they have waited in vain.
    var timer: Scheduled<Void>?
    var timerAt = NIODeadline.distantFuture
  }

  private struct State {
    /// By connection: one that closes must not cost a look at everybody's fetches. Kept until then.
    private(set) var parked: [ObjectIdentifier: Parked] = [:]
    private(set) var count = 0
    private(set) var targetCount = 0
    var isDraining = false

    mutating func insert(_ fetch: ParkedFetch) {
      let parked = of(fetch.key.connection)
      guard parked.fetches.updateValue(fetch, forKey: fetch.key.call) == nil else { return }
      parked.targetCount += fetch.demand.targetCount
      targetCount += fetch.demand.targetCount
      count += 1
    }

    mutating func remove(_ key: ParkedFetch.Key) {
      guard let parked = parked[key.connection], let fetch = parked.fetches.removeValue(forKey: key.call) else {
        return
      }
      parked.targetCount -= fetch.demand.targetCount
      targetCount -= fetch.demand.targetCount
      count -= 1
    }

    private mutating func of(_ connection: ObjectIdentifier) -> Parked {
      if let known = parked[connection] { return known }
      let new = Parked()
      parked[connection] = new
      return new
    }

    /// Forgets a connection, whose fetches were removed. Returns its timer.
    mutating func forget(_ connection: ObjectIdentifier) -> Scheduled<Void>? {
      parked.removeValue(forKey: connection)?.timer
    }

    /// Whether a connection needs another timer for a fetch whose time is up then.
    func needsTimer(_ connection: ObjectIdentifier, at deadline: NIODeadline) -> Bool {
      guard let parked = parked[connection], deadline < parked.timerAt else { return false }
      parked.timerAt = deadline
      return true
    }

    /// Returns the timer before.
    func set(_ timer: Scheduled<Void>, of connection: ObjectIdentifier) -> Scheduled<Void>? {
      defer { parked[connection]?.timer = timer }
      return parked[connection]?.timer
    }

    /// Those of a connection whose time is up, and when that of the next one is. Its timer has gone off.
    func takeTimer(_ connection: ObjectIdentifier, at now: NIODeadline) -> (due: [ParkedFetch], next: NIODeadline?) {
      guard let parked = parked[connection] else { return ([], nil) }
      let fetches = parked.fetches.values
      parked.timerAt = .distantFuture
      return (fetches.filter { $0.deadline <= now }, fetches.lazy.map(\.deadline).filter { $0 > now }.min())
    }
  }

  package init(store: any LogStore, limits: Limits = Limits()) {
    self.store = store
    self.limits = limits
  }

  /// Whether fetches are not to wait any more.
  var isDraining: Bool { state.withLock { $0.isDraining } }

  /// How many connections are known: those that had a fetch wait, until they close.
  package var connectionCount: Int { state.withLock { $0.parked.count } }

  /// How many fetches wait now.
  package var count: Int { state.withLock { $0.count } }

  /// Parks a fetch after a read that was not enough. Event loop only. Throws RESOURCE_EXHAUSTED where too many wait.
  func park(_ fetch: ParkedFetch, after seen: Seen) throws(RPCError) {
    let isDraining = try insert(fetch)
    if isDraining {
      hurry(fetch)
      return
    }
    setTimer(fetch.key.connection, on: fetch.connection.eventLoop, at: fetch.deadline)
    watch(fetch, after: seen)
  }

  /// Has the connection's fetches looked at when the time of one is up, if that is not to be before.
  private func setTimer(_ connection: ObjectIdentifier, on eventLoop: any EventLoop, at deadline: NIODeadline) {
    guard state.withLock({ $0.needsTimer(connection, at: deadline) }) else { return }
    let timer = eventLoop.scheduleTask(deadline: deadline) {
      let (due, next) = self.state.withLock { $0.takeTimer(connection, at: deadline) }
      for fetch in due where fetch.claimHurry() { self.hurry(fetch) }
      if let next { self.setTimer(connection, on: eventLoop, at: next) }
    }
    state.withLock { $0.set(timer, of: connection) }?.cancel()
  }

  /// Answers all fetches of a connection with what there is. Event loop only.
  package func hurryAll(of connection: any CallConnection) {
    for fetch in fetches(of: connection) { hurry(fetch) }
  }

  /// Releases a fetch that nobody waits for any more, if it is parked.
  package func abandon(_ call: CallID, of connection: any CallConnection) {
    let key = ParkedFetch.Key(connection: ObjectIdentifier(connection), call: call)
    if let fetch = state.withLock({ $0.parked[key.connection]?.fetches[call] }) { _ = release(fetch) }
  }

  /// Releases all fetches of a connection, which makes no more.
  package func abandonAll(of connection: any CallConnection) {
    for fetch in fetches(of: connection) { _ = release(fetch) }
    state.withLock { $0.forget(ObjectIdentifier(connection)) }?.cancel()
  }

  private func fetches(of connection: any CallConnection) -> [ParkedFetch] {
    state.withLock { state in state.parked[ObjectIdentifier(connection)].map { Array($0.fetches.values) } ?? [] }
  }

  /// Answers all parked fetches with what there is, and lets none wait from now on.
  package func drain() {
    let fetches = state.withLock { state in
      state.isDraining = true
      return state.parked.values.flatMap(\.fetches.values)
    }
    for fetch in fetches { fetch.connection.eventLoop.execute { self.hurry(fetch) } }
  }

  /// True where fetches are not to wait any more.
  private func insert(_ fetch: ParkedFetch) throws(RPCError) -> Bool {
    let refusal = state.withLock { state -> RPCError? in
      let parked = state.parked[fetch.key.connection]
      let count = parked?.fetches.count ?? 0
      guard count < limits.perConnection, state.count < limits.total else {
        return RPCError(
          .resourceExhausted,
          "\(count) fetches of this connection wait for data, \(state.count) in all; at most"
            + " \(limits.perConnection) and \(limits.total) may", error: .limitReached)
      }
      let targets = (parked?.targetCount ?? 0) + fetch.demand.targetCount
      guard targets <= limits.targetsPerConnection,
        state.targetCount + fetch.demand.targetCount <= limits.targetsInTotal
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
    let share = max(1, (fetch.demand.bounds.minBytes - seen.byteCount) / max(1, fetch.demand.reads.count))
    for (index, (read, mark)) in zip(fetch.demand.reads, seen.highWatermarks).enumerated()
    where !fetch.isHopeless(index) {
      guard let mark else { continue }
      let waiter = store.awaitAdvance(of: read.partition, past: mark, bytes: share) { self.wake(fetch, after: seen) }
      if let waiter {
        if !fetch.add(waiter) { store.cancel(waiter) }
      } else {
        unwatched.append(index)
      }
    }
    if !unwatched.isEmpty, fetch.claimWake() { lookLater(fetch, after: seen, unwatched) }
  }

  /// On any thread: a partition has news since what was `seen`.
  private func wake(_ fetch: ParkedFetch, after seen: Seen) {
    guard fetch.claimWake() else { return }
    // Then the answer goes out with that of the append.
    if fetch.tail != nil, fetch.connection.takePlaceInTurn() { return look(fetch, after: seen, []) }
    lookLater(fetch, after: seen, [])
  }

  /// `unwatched`: the places in what was `seen` of partitions that took no waiter: they have news, or never will.
  private func lookLater(_ fetch: ParkedFetch, after seen: Seen, _ unwatched: [Int]) {
    // To read many partitions again takes a while: the more there are, the less often.
    let delay = TimeAmount.milliseconds(Int64(fetch.demand.targetCount / 64))
    afterwards(delay, on: fetch.connection.eventLoop) { self.look(fetch, after: seen, unwatched) }
  }

  /// Reads, and answers where there is enough now. Event loop only.
  private func look(_ fetch: ParkedFetch, after seen: Seen, _ unwatched: [Int]) {
    for waiter in fetch.takeWaiters() { store.cancel(waiter) }
    if let tail = fetch.tail {
      switch tail.attempt(from: store, fetch.key.call, fetch.connection, isWanted: { release(fetch) }) {
      case .done: return
      case .tooLittle(let result): return sleepAgain(fetch, tail.seen(result), after: seen, unwatched)
      case .notAtOnce: break
      }
    }
    read(fetch) { outcomes in
      if fetch.demand.isSatisfied(by: outcomes) {
        self.finish(fetch, with: outcomes)
      } else {
        self.sleepAgain(fetch, Seen(outcomes, fetch.demand), after: seen, unwatched)
      }
    }
  }

  private func sleepAgain(_ fetch: ParkedFetch, _ news: Seen, after seen: Seen, _ unwatched: [Int]) {
    // No waiter, and yet nothing new: this partition takes no more appends.
    fetch.giveUp(unwatched.filter { news.highWatermarks[$0] == seen.highWatermarks[$0] })
    fetch.sleepAgain()
    watch(fetch, after: news)
  }

  private func afterwards(_ delay: TimeAmount, on eventLoop: any EventLoop, _ body: @escaping @Sendable () -> Void) {
    if delay == .zero { eventLoop.execute(body) } else { _ = eventLoop.scheduleTask(in: delay, body) }
  }

  /// Reads again; `then` is called on the event loop.
  private func read(_ fetch: ParkedFetch, then: @escaping @Sendable ([ReadOutcome]) -> Void) {
    let eventLoop = fetch.connection.eventLoop
    store.read(fetch.demand.reads, maxBytes: fetch.demand.bounds.maxBytes, form: .chunks) { outcomes in
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

extension FetchPurgatory {
  /// What a read found.
  struct Seen: Sendable {
    /// One for each partition; nil for what failed.
    let highWatermarks: [Offset?]
    /// Of all that there was, as the demand counts it.
    let byteCount: Int
  }
}

extension FetchPurgatory.Seen {
  init(_ outcomes: [ReadOutcome], _ demand: FetchDemand) {
    highWatermarks = outcomes.map { outcome in
      guard case .read(let result) = outcome else { return nil }
      return result.bounds.highWatermark
    }
    byteCount = demand.countedBytes(outcomes)
  }
}
