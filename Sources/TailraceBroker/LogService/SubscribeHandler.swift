internal import DequeModule
internal import NIOCore
internal import Synchronization
internal import TailraceStorage
internal import TailraceWire

/// Answers LogService/Subscribe: one response after the other, each when there is something to tell and the peer takes
/// more (credit on the native door, HTTP/2's flow control on gRPC's). So what is kept for a peer that is slow is one
/// response. It waits where fetches do.
final class SubscribeHandler: Sendable {
  private let topics: TopicTable
  private let store: any LogStore
  private let purgatory: FetchPurgatory
  private let queue: CallQueue
  private let state = Mutex(State())

  /// Partitions that the subscriptions of a connection may name, in sum.
  private static let maxTargetsPerConnection = 20_000

  /// Bytes that a connection's reads under way may bring, in sum: until they are sent, nothing else counts them.
  private static let maxReadingBytes = 8 << 20

  private struct State {
    /// By connection, as in the purgatory.
    private(set) var subscriptions: [ObjectIdentifier: [CallID: Subscription]] = [:]
    /// What reads under way may bring, and who waits to read, by connection.
    private var reads: [ObjectIdentifier: (bytes: Int, waiting: Deque<Subscription>)] = [:]

    /// True where so many bytes may be read now; else whoever asks is returned by `endRead` later.
    mutating func beginRead(_ byteCount: Int, _ subscription: Subscription) -> Bool {
      var entry = reads[subscription.key.connection] ?? (0, [])
      let mayRead = entry.bytes == 0 || entry.bytes + byteCount <= SubscribeHandler.maxReadingBytes
      if mayRead { entry.bytes += byteCount } else { entry.waiting.append(subscription) }
      reads[subscription.key.connection] = entry
      return mayRead
    }

    /// A read is over. Returns who may try now.
    mutating func endRead(_ byteCount: Int, of connection: ObjectIdentifier) -> Subscription? {
      guard let entry = reads[connection] else { return nil }
      reads[connection] = (entry.bytes - byteCount, entry.waiting)
      return nextWaiting(of: connection)
    }

    /// The next of those who wait, and are wanted still.
    mutating func nextWaiting(of connection: ObjectIdentifier) -> Subscription? {
      guard var entry = reads.removeValue(forKey: connection) else { return nil }
      var next = entry.waiting.popFirst()
      while let found = next, self[found.key] !== found { next = entry.waiting.popFirst() }
      if entry.bytes > 0 || !entry.waiting.isEmpty { reads[connection] = entry }
      return next
    }

    func all(of connection: ObjectIdentifier) -> [Subscription] {
      subscriptions[connection].map { Array($0.values) } ?? []
    }

    subscript(_ key: ParkedFetch.Key) -> Subscription? {
      get { subscriptions[key.connection]?[key.call] }
      set {
        subscriptions[key.connection, default: [:]][key.call] = newValue
        if subscriptions[key.connection]?.isEmpty == true { subscriptions[key.connection] = nil }
      }
    }

    mutating func removeAll(of connection: ObjectIdentifier) {
      subscriptions[connection] = nil
      reads[connection] = nil
    }
  }

  init(topics: TopicTable, store: any LogStore, purgatory: FetchPurgatory, queue: CallQueue) {
    self.topics = topics
    self.store = store
    self.purgatory = purgatory
    self.queue = queue
  }

  /// Event loop only, as all that follows but where it says otherwise.
  func handle(_ call: InboundCall, from connection: any CallConnection) {
    if CallWeight.isHeavyFetch(call.message) {
      queue.add(call, from: connection) { self.begin($0, from: connection) }
    } else {
      begin(call, from: connection)
    }
  }

  /// On any thread.
  private func begin(_ call: InboundCall, from connection: any CallConnection) {
    let subscription: Subscription
    do throws(RPCError) {
      subscription = Subscription(try call.decoded(as: SubscribeRequest.self), call.id, connection)
      _ = try FetchPlan(subscription.request(credit: 1), topics: topics, door: connection.door)
      try admit(subscription)
    } catch {
      connection.respond(.failure(error), to: call.id)
      return
    }
    if connection.eventLoop.inEventLoop {
      goOn(subscription)
    } else {
      connection.eventLoop.execute { self.goOn(subscription) }
    }
  }

  private func admit(_ subscription: Subscription) throws(RPCError) {
    let most = Self.maxTargetsPerConnection
    let count = state.withLock { state in
      let count =
        state.all(of: subscription.key.connection).reduce(0) { $0 + $1.targets.count } + subscription.targets.count
      if count <= most { state[subscription.key] = subscription }
      return count
    }
    guard count <= most else {
      throw RPCError(
        .resourceExhausted,
        "the subscriptions of this connection would name \(count) partitions; at most \(most) may", error: .limitReached
      )
    }
  }

  /// The peer takes more of a call's responses.
  func creditGranted(to call: CallID, on connection: any CallConnection) {
    let key = ParkedFetch.Key(connection: ObjectIdentifier(connection), call: call)
    if let subscription = state.withLock({ $0[key] }) { goOn(subscription) }
  }

  /// Nobody listens any more.
  func abandon(_ call: CallID, of connection: any CallConnection) {
    let key = ParkedFetch.Key(connection: ObjectIdentifier(connection), call: call)
    state.withLock { $0[key] = nil }
  }

  func abandonAll(of connection: any CallConnection) {
    state.withLock { $0.removeAll(of: ObjectIdentifier(connection)) }
  }

  /// The peer sends nothing more, and most likely is gone: streams end.
  func inputEnded(on connection: any CallConnection) {
    for subscription in state.withLock({ $0.all(of: ObjectIdentifier(connection)) }) {
      end(subscription, .failure(RPCError(.cancelled, "the client has closed its side of the connection")))
    }
  }

  /// Every stream ends: the server stops. On any thread.
  func drain() {
    let all = state.withLock { state in state.subscriptions.values.flatMap(\.values) }
    for subscription in all {
      subscription.connection.eventLoop.execute { self.endForShutdown(subscription) }
    }
  }

  private func endForShutdown(_ subscription: Subscription) {
    end(
      subscription,
      .failure(RPCError(.unavailable, "the server is shutting down; connect anew", error: .shuttingDown)))
  }

  private func end(_ subscription: Subscription, _ response: Response) {
    state.withLock { $0[subscription.key] = nil }
    purgatory.abandon(subscription.call, of: subscription.connection)
    subscription.connection.respond(response, to: subscription.call)
  }

  // MARK: Rounds

  /// Reads on, where the peer takes more and no read is under way.
  private func goOn(_ subscription: Subscription) {
    let connection = subscription.connection
    guard !subscription.isReading, isWanted(subscription) else { return }
    guard !purgatory.isDraining else { return endForShutdown(subscription) }
    let credit = connection.credit(of: subscription.call)
    guard credit > 0 else { return }
    subscription.isReading = true
    let request = subscription.request(credit: credit)
    guard CallWeight.isHeavyFetch(request) else { return read(request, subscription) }
    queue.add(
      CallQueue.Job(call: subscription.call, connection: connection, byteCount: request.targets.count * 256) {
        self.read(request, subscription)
      })
  }

  /// On any thread.
  private func read(_ request: FetchRequest, _ subscription: Subscription) {
    let connection = subscription.connection
    let plan: FetchPlan
    do throws(RPCError) {
      plan = try FetchPlan(request, topics: topics, door: connection.door)
    } catch { return end(subscription, .failure(error)) }
    let byteCount = plan.bounds.maxBytes
    // Whoever waits for others is resumed when one of them is done.
    guard state.withLock({ $0.beginRead(byteCount, subscription) }) else { return }
    let permit = ReadPermit { [weak self] in self?.endRead(byteCount, subscription) }
    store.read(plan.reads, maxBytes: plan.bounds.maxBytes, form: .bytes) { outcomes in
      if connection.eventLoop.inEventLoop {
        self.look(outcomes, plan, subscription, permit)
      } else {
        connection.eventLoop.execute { self.look(outcomes, plan, subscription, permit) }
      }
    }
  }

  /// On any thread.
  private func endRead(_ byteCount: Int, _ subscription: Subscription) {
    guard let next = state.withLock({ $0.endRead(byteCount, of: subscription.key.connection) }) else { return }
    next.connection.eventLoop.execute { self.resume(next) }
  }

  /// It is its turn to read; where it does not, another one's.
  private func resume(_ subscription: Subscription) {
    subscription.isReading = false
    goOn(subscription)
    guard !subscription.isReading,
      let next = state.withLock({ $0.nextWaiting(of: subscription.key.connection) })
    else { return }
    next.connection.eventLoop.execute { self.resume(next) }
  }

  private func isWanted(_ subscription: Subscription) -> Bool {
    state.withLock { $0[subscription.key] === subscription }
      && subscription.connection.isInFlight(subscription.call)
  }

  private func look(
    _ outcomes: [ReadOutcome], _ plan: FetchPlan, _ subscription: Subscription, _ permit: ReadPermit
  ) {
    guard isWanted(subscription) else { return }
    if plan.isSatisfied(by: outcomes) { return deliver(outcomes, plan, subscription, permit) }
    // What wakes it is not kept: many are woken at a time, and read in turn.
    let fetch = ParkedFetch(plan.demand, call: subscription.call, connection: subscription.connection) { _ in
      subscription.isReading = false
      self.goOn(subscription)
    }
    do throws(RPCError) {
      try purgatory.park(fetch, after: FetchPurgatory.Seen(outcomes, plan.demand))
    } catch { end(subscription, .failure(error)) }
  }

  private func deliver(
    _ outcomes: [ReadOutcome], _ plan: FetchPlan, _ subscription: Subscription, _ permit: ReadPermit
  ) {
    guard plan.decode else {
      send(subscription.take(outcomes, plan), subscription)
      return withExtendedLifetime(permit) {}
    }
    // To decompress and take apart what may be many records is not for the event loop.
    let (connection, call) = (subscription.connection, subscription.call)
    queue.add(
      CallQueue.Job(call: call, connection: connection, byteCount: plan.byteCount) {
        let response = FetchResponseBuilder(plan: plan).fetched(outcomes)
        connection.eventLoop.execute {
          guard self.isWanted(subscription) else { return }
          self.send(subscription.take(response), subscription)
          withExtendedLifetime(permit) {}
        }
      })
  }

  private func send(_ response: Response?, _ subscription: Subscription) {
    let connection = subscription.connection
    subscription.isReading = false
    if case .failure = response, let response { return end(subscription, response) }
    if let response { connection.send(response, to: subscription.call) }
    guard !subscription.targets.isEmpty else { return end(subscription, .end) }
    // Others of the loop have their turn first.
    connection.eventLoop.execute { self.goOn(subscription) }
  }
}

/// The right to read; given back with its last reference, wherever the read ends.
private final class ReadPermit: Sendable {
  private let giveBack: @Sendable () -> Void

  init(_ giveBack: @escaping @Sendable () -> Void) { self.giveBack = giveBack }

  deinit { giveBack() }
}
