internal import TailraceGroups
internal import TailraceWire

extension GroupHandlers {
  /// A join with an id of the client's own may be sent again; without one the broker draws an id.
  func joinGroup(_ request: JoinGroupRequest, _ call: CallContext) async throws(RPCError) -> JoinGroupResponse {
    // What is no pattern would match nothing, and nobody would know why.
    if let pattern = request.topicPattern { _ = try TopicPattern(pattern) }
    let now = coordinator.now
    var generator = SystemRandomNumberGenerator()
    guard let drawn = MemberID("\(TopicID.random(using: &generator))") else {
      throw RPCError(.internalError, "no member id could be drawn")
    }
    return try await coordinator.apply(to: try group(request.group), isFounding: true) {
      $0.join(request, drawnID: drawn, peer: call.peer, now: now)
    }
  }
}
