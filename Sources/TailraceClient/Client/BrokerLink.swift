internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Synchronization
internal import TailraceWire

/// The connection to a broker: made when first needed, and made anew when it was lost and somebody needs one.
///
/// Attempts that fail are made again, each after a longer wait with jitter, for as long as anybody waits. Thread-safe.
final class BrokerLink: Sendable {
  typealias Waiter = @Sendable (Result<Connection, RPCError>) -> Void

  fileprivate enum Phase {
    case idle
    /// `attempt` tells one outage's task from another's.
    case connecting(attempt: UInt64)
    case open(Connection, serial: UInt64)
    case closed
  }

  fileprivate struct State {
    var phase = Phase.idle
    var waiters: [UInt64: Waiter] = [:]
    var lastID: UInt64 = 0
    var backoff: Backoff
    /// Why the last attempt failed.
    var failure: RPCError?
    var connections: [UInt64: Connection] = [:]
    /// The task of the outage under way, or of the last one.
    var connecting: Task<Void, Never>?
  }

  private let address: ServerAddress
  private let configuration: ClientConfiguration
  /// Of its connection, and of everybody who stays near it: between two loops an answer would wait for a thread to wake.
  let eventLoop: any EventLoop
  private let state: Mutex<State>

  init(_ address: ServerAddress, _ configuration: ClientConfiguration) {
    self.address = address
    self.configuration = configuration
    eventLoop = (configuration.eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton).next()
    state = Mutex(
      State(backoff: Backoff(firstMs: configuration.initialBackoff.ms, maxMs: configuration.maxBackoff.ms)))
  }

  /// The connection, where there is one now.
  var current: Connection? {
    state.withLock { state in
      if case .open(let connection, _) = state.phase, connection.isOpen { connection } else { nil }
    }
  }

  /// Calls `body` once, with a connection: at once where there is one, else when there is; or with CANCELLED once the
  /// link is closed. Returns what to withdraw it by; nil where `body` was called.
  @discardableResult func whenConnected(_ body: @escaping Waiter) -> UInt64? {
    enum Now { case call(Result<Connection, RPCError>), wait(UInt64), connect(UInt64, attempt: UInt64) }
    let now: Now = state.withLock { state in
      switch state.phase {
      case .closed: return .call(.failure(Self.closedError))
      case .open(let connection, _) where connection.isOpen: return .call(.success(connection))
      case .connecting:
        return .wait(state.add(body))
      case .idle, .open:
        let id = state.add(body)
        state.phase = .connecting(attempt: id)
        return .connect(id, attempt: id)
      }
    }
    switch now {
    case .call(let result):
      body(result)
      return nil
    case .wait(let id): return id
    case .connect(let id, let attempt):
      connect(attempt)
      return id
    }
  }

  /// Withdraws a waiter, which is then not called; false where it was called already.
  @discardableResult func withdraw(_ waiter: UInt64) -> Bool {
    state.withLock { $0.waiters.removeValue(forKey: waiter) != nil }
  }

  /// How many wait for a connection; for tests that look whether any is forgotten.
  var waiterCount: Int { state.withLock { $0.waiters.count } }

  /// Why there is no connection at the moment; nil where no attempt has failed since the last one.
  var failure: RPCError? { state.withLock { $0.failure } }

  /// Closes every connection, and the link for good. Waiters fail with CANCELLED. Of an attempt to connect that is under
  /// way nothing is left, either.
  func close() async {
    let (waiters, connections, connecting) = state.withLock { state in
      state.phase = .closed
      defer { state.waiters = [:] }
      return (state.waiters, state.connections.values.map { $0 }, state.connecting)
    }
    for waiter in waiters.values { waiter(.failure(Self.closedError)) }
    connecting?.cancel()
    for connection in connections { await connection.close() }
    await connecting?.value
  }

  static let closedError = RPCError(.cancelled, "this client was closed")

  // MARK: Connecting

  /// One task an outage, at most: it ends with a connection, or when nobody waits any more.
  private func connect(_ attempt: UInt64) {
    let task = Task {
      while isWanted(attempt) {
        let serial = state.withLock { $0.nextID() }
        do throws(RPCError) {
          let connection = try await tryOnce(serial)
          if !settle(attempt, connection, serial) { await connection.close() }
          return
        } catch {
          if let pause = fail(attempt, error) { try? await Task.sleep(for: pause) }
        }
      }
    }
    state.withLock { $0.connecting = task }
  }

  private func isWanted(_ attempt: UInt64) -> Bool {
    state.withLock { state in
      guard case .connecting(attempt) = state.phase else { return false }
      if state.waiters.isEmpty { state.phase = .idle }
      return !state.waiters.isEmpty
    }
  }

  private func tryOnce(_ serial: UInt64) async throws(RPCError) -> Connection {
    var limits = ConnectionConfiguration.default
    limits.maxUnsentBytes = configuration.maxUnsentBytes
    limits.endsWhenSilent = true
    limits.connectTimeout = .milliseconds(configuration.connectTimeout.ms)
    return try await Connection.connect(
      host: address.host, port: address.port, eventLoopGroup: eventLoop, configuration: limits
    ) { [weak self] event in self?.hear(event, of: serial) }
  }

  /// How long to wait before the next attempt; nil where nobody waits for one.
  private func fail(_ attempt: UInt64, _ error: RPCError) -> Duration? {
    let ms: Int64? = state.withLock { state in
      guard case .connecting(attempt) = state.phase else { return nil }
      state.failure = error
      state.backoff.fail(nowMs: 0, fraction: .random(in: 0...1))
      return state.backoff.retryAtMs
    }
    configuration.logger.info("cannot connect", metadata: ["server": "\(address)", "error": "\(error)"])
    return ms.map { .milliseconds($0) }
  }

  /// False where nobody wants the connection any more.
  private func settle(_ attempt: UInt64, _ connection: Connection, _ serial: UInt64) -> Bool {
    let waiters: [UInt64: Waiter]? = state.withLock { state in
      guard case .connecting(attempt) = state.phase else { return nil }
      state.phase = .open(connection, serial: serial)
      state.connections[serial] = connection
      state.backoff.succeed()
      state.failure = nil
      defer { state.waiters = [:] }
      return state.waiters
    }
    guard let waiters else { return false }
    configuration.logger.debug("connected", metadata: ["server": "\(address)"])
    for waiter in waiters.values { waiter(.success(connection)) }
    // The event may have come before the connection was ours.
    if !connection.isOpen { hear(.closed(RPCError(.unavailable, "lost at once")), of: serial) }
    return true
  }

  private func hear(_ event: ConnectionEvent, of serial: UInt64) {
    let connection: Connection? = state.withLock { state in
      guard let connection = state.connections[serial] else { return nil }
      if case .open(_, serial) = state.phase { state.phase = .idle }
      if case .closed = event { state.connections[serial] = nil }
      return connection
    }
    guard let connection else { return }
    switch event {
    case .reconnectAdvised: connection.retire()
    case .closed(let error):
      configuration.logger.info("connection lost", metadata: ["server": "\(address)", "error": "\(error)"])
    }
  }
}

extension BrokerLink.State {
  fileprivate mutating func add(_ waiter: @escaping BrokerLink.Waiter) -> UInt64 {
    let id = nextID()
    waiters[id] = waiter
    return id
  }

  fileprivate mutating func nextID() -> UInt64 {
    lastID += 1
    return lastID
  }
}

extension BrokerLink {
  /// Calls `body` after `delay`, on the event loop.
  func schedule(in delay: Duration, _ body: @escaping @Sendable () -> Void) -> Scheduled<Void> {
    eventLoop.scheduleTask(in: .milliseconds(delay.ms), body)
  }

  /// Calls `body` at `moment`, on the event loop.
  func schedule(at moment: NIODeadline, _ body: @escaping @Sendable () -> Void) -> Scheduled<Void> {
    eventLoop.scheduleTask(deadline: moment, body)
  }
}
