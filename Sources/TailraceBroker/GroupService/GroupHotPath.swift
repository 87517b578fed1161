internal import TailraceGroups
internal import TailraceWire

/// What consumers send all the time, on their connections' event loops: Heartbeat and CommitOffset. No task, no hop; the
/// answer comes when it is there.
struct GroupHotPath: Sendable {
  let coordinator: GroupCoordinator

  func heartbeat(_ call: InboundCall, from connection: any CallConnection) {
    do throws(RPCError) {
      var request = try call.decoded(as: HeartbeatRequest.self)
      let group = try GroupID(naming: request.group)
      let ticket =
        request.maxWaitMs == 0
        ? nil : coordinator.parked.add(call.id, of: connection, group: group, member: request.memberID)
      // One for which there is no room to wait is answered at once: its member is alive, whatever the others do.
      if ticket == nil { request.maxWaitMs = 0 }
      beat(request, group, ticket: ticket, call.id, connection)
    } catch { connection.respond(.failure(error), to: call.id) }
  }

  private func beat(
    _ request: HeartbeatRequest, _ group: GroupID, ticket: UInt64?, _ call: CallID, _ connection: any CallConnection
  ) {
    let now = coordinator.now
    let parked = coordinator.parked
    coordinator.apply(to: group) {
      $0.heartbeat(request, ticket: ticket ?? 0, now: now)
    } deliver: { result in
      if case .success(.parked) = result { return }
      // Answered otherwise, perhaps: when the group was lost.
      if let ticket, parked.remove(ticket) == nil { return }
      switch result {
      case .success(.answered(let response)): connection.respond(Response(response), to: call)
      case .success(.parked): break
      case .failure(let error): connection.respond(.failure(error.ofMissingGroup), to: call)
      }
    }
  }

  func commit(_ call: InboundCall, from connection: any CallConnection) {
    do throws(RPCError) {
      let request = try call.decoded(as: CommitOffsetRequest.self)
      let id = try GroupID(naming: request.group)
      let (now, call) = (coordinator.now, call.id)
      coordinator.apply(to: id, isFounding: request.memberID.isEmpty) {
        $0.commit(request, now: now)
      } deliver: {
        switch $0 {
        case .success(let response): connection.respond(Response(response), to: call)
        case .failure(let error): connection.respond(.failure(error.ofMissingGroup), to: call)
        }
      }
    } catch { connection.respond(.failure(error), to: call.id) }
  }
}

// Heartbeats that wait, and nobody for them.
extension GroupHotPath {
  func abandon(_ call: CallID, of connection: any CallConnection) {
    if let parked = coordinator.parked.remove(call, of: connection) { coordinator.abandon(CollectionOfOne(parked)) }
  }

  func abandonAll(of connection: any CallConnection) {
    coordinator.abandon(coordinator.parked.removeAll(of: connection))
  }

  /// The connection ends once all its calls are answered: none is to wait for news.
  func inputEnded(on connection: any CallConnection) {
    let ended = coordinator.parked.removeAll(of: connection)
    coordinator.abandon(ended)
    for parked in ended {
      connection.respond(.failure(RPCError(.cancelled, "the connection's input has ended")), to: parked.call)
    }
  }
}

extension RPCError {
  /// To a member, a group that is not there is one that it is not in: it joins again.
  fileprivate var ofMissingGroup: RPCError {
    error == .unknownGroup ? RPCError(code, "\(message); join again", error: .unknownMember) : self
  }
}
