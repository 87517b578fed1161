internal import Synchronization
internal import TailraceGroups
internal import TailraceWire

/// Which calls the heartbeats that wait belong to. Thread-safe.
final class ParkedHeartbeats: Sendable {
  /// Bounds on what waits, below those on calls in flight: they leave room for other calls.
  struct Limits: Sendable {
    var perConnection = 512
    var total = 100_000
  }

  /// A heartbeat that waits, or is about to.
  struct Parked: Sendable {
    let ticket: UInt64
    let group: GroupID
    let member: String
    let call: CallID
    let connection: any CallConnection
  }

  private struct State {
    var lastTicket: UInt64 = 0
    var parked: [UInt64: Parked] = [:]
    var tickets: [ObjectIdentifier: [CallID: UInt64]] = [:]

    mutating func remove(_ ticket: UInt64) -> Parked? {
      guard let parked = parked.removeValue(forKey: ticket) else { return nil }
      let connection = ObjectIdentifier(parked.connection)
      tickets[connection]?[parked.call] = nil
      if tickets[connection]?.isEmpty == true { tickets[connection] = nil }
      return parked
    }
  }

  private let limits: Limits
  private let state = Mutex(State())

  init(limits: Limits = Limits()) { self.limits = limits }

  var count: Int { state.withLock { $0.parked.count } }

  /// A ticket for a heartbeat that may have to wait; nil where too many do, so that it must not.
  func add(_ call: CallID, of connection: any CallConnection, group: GroupID, member: String) -> UInt64? {
    let key = ObjectIdentifier(connection)
    return state.withLock { state -> UInt64? in
      guard state.tickets[key]?.count ?? 0 < limits.perConnection, state.parked.count < limits.total else { return nil }
      state.lastTicket += 1
      state.parked[state.lastTicket] = Parked(
        ticket: state.lastTicket, group: group, member: member, call: call, connection: connection)
      state.tickets[key, default: [:]][call] = state.lastTicket
      return state.lastTicket
    }
  }

  /// It does not wait any more. Nil where it did not.
  func remove(_ ticket: UInt64) -> Parked? { state.withLock { $0.remove(ticket) } }

  func remove(_ call: CallID, of connection: any CallConnection) -> Parked? {
    let key = ObjectIdentifier(connection)
    return state.withLock { state in state.tickets[key]?[call].flatMap { state.remove($0) } }
  }

  func removeAll(of connection: any CallConnection) -> [Parked] {
    let key = ObjectIdentifier(connection)
    return state.withLock { state in
      (state.tickets[key].map { Array($0.values) } ?? []).compactMap { state.remove($0) }
    }
  }

  /// All those of a group. Looks at everything: for groups that are lost.
  func removeAll(of group: GroupID) -> [Parked] {
    state.withLock { state in
      state.parked.values.filter { $0.group == group }.compactMap { state.remove($0.ticket) }
    }
  }

  /// Answers a heartbeat that waits.
  func answer(_ answer: ParkedAnswer) {
    guard let parked = remove(answer.ticket) else { return }
    switch answer.result {
    case .success(let response): parked.connection.respond(Response(response), to: parked.call)
    case .failure(let error): parked.connection.respond(.failure(RPCError(error)), to: parked.call)
    }
  }
}
