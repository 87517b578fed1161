package import TailraceWire

extension Group {
  /// A member joins, joins again, changes its subscription, or comes back with its instance id.
  ///
  /// - A member that is there already keeps what it owns, in a new epoch: so a retried join leaves no ghost.
  /// - One with the instance id of another takes its place at once, and what it owns: the other is fenced, nobody else
  ///   hears of it.
  ///
  /// `drawnID`: a fresh id, for a request without one. `peer`: its address, for people. The request's pattern is known to
  /// be a regular expression that can be matched.
  package mutating func join(
    _ request: JoinGroupRequest, drawnID: MemberID, peer: String, now: Int64
  ) -> GroupOutcome<JoinGroupResponse> {
    note(now)
    do throws(GroupError) {
      let terms = try JoinTerms(request, drawnID: drawnID, limits: limits)
      let id = try enter(terms, peer: peer)
      answerNews()
      return finish(.success(joined(id)))
    } catch {
      return finish(.failure(error))
    }
  }

  private mutating func joined(_ id: MemberID) -> JoinGroupResponse {
    let told = response(to: id)
    return JoinGroupResponse(
      memberID: id.text, memberEpoch: told.memberEpoch, heartbeatIntervalMs: told.heartbeatIntervalMs,
      assignment: told.assignment)
  }

  /// Returns the member's id: of equal ones the one that is stored.
  private mutating func enter(_ terms: JoinTerms, peer: String) throws(GroupError) -> MemberID {
    guard epoch < .max else {
      throw GroupError(.limitReached, "the epochs of group '\(id)' have come to their end; delete it and begin anew")
    }
    if let newer = replacements[terms.member], members[newer] != nil {
      throw replaced(terms.member, by: newer)
    }
    try checkRoom(for: terms)
    if let member = members[terms.member] {
      try rejoin(member, terms, peer: peer)
      return member.id
    }
    if let instance = terms.instanceID, let old = instances[instance].flatMap({ members[$0] }) {
      takeOver(from: old, terms, peer: peer)
    } else {
      guard members.count < limits.maxMembers else {
        throw GroupError(
          .limitReached, "group '\(id)' has \(members.count) members; at most \(limits.maxMembers) are allowed")
      }
      if members.isEmpty { assignor = terms.assignor }
      bumpEpoch()
      add(newMember(terms, peer: peer))
      retarget()
    }
    _ = give(to: terms.member, isFresh: true)
    noteChange(of: terms.member)
    changes.joined.append(terms.member)
    schedule(terms.member)
    return terms.member
  }

  private func checkRoom(for terms: JoinTerms) throws(GroupError) {
    let subscription = terms.subscription
    let present = members[terms.member] ?? terms.instanceID.flatMap { instances[$0] }.flatMap { members[$0] }
    let subscribed =
      subscriptions.subscribedTopics - (present.map { subscriptions.topicCount(of: $0.subscription) } ?? 0)
      + subscriptions.topicCount(of: subscription, topics)
    guard subscribed <= limits.maxSubscribedTopics else {
      throw GroupError(
        .limitReached,
        "the members of group '\(id)' would subscribe to \(subscribed) topics, counted for each; at most"
          + " \(limits.maxSubscribedTopics) are allowed")
    }
    guard subscriptions.key(of: subscription) == nil else { return }
    switch subscription {
    case .names(let names):
      guard names.count <= limits.maxNamedTopics - subscriptions.namedTopics else {
        throw GroupError(
          .limitReached,
          "the subscriptions of group '\(id)' name \(subscriptions.namedTopics) topics, this one \(names.count) more; at"
            + " most \(limits.maxNamedTopics) are allowed")
      }
    case .pattern:
      guard subscriptions.patterns < limits.maxPatterns else {
        throw GroupError(
          .limitReached,
          "group '\(id)' has \(subscriptions.patterns) different topic patterns; at most \(limits.maxPatterns) are allowed"
        )
      }
    }
  }

  private mutating func newMember(_ terms: JoinTerms, peer: String) -> Member {
    Member(
      id: terms.member, instanceID: terms.instanceID, clientID: terms.clientID, peer: peer,
      subscription: subscriptions.add(terms.subscription, topics), sessionTimeoutMs: terms.sessionTimeoutMs,
      rebalanceTimeoutMs: terms.rebalanceTimeoutMs, joinedEpoch: epoch, epoch: epoch,
      sessionDeadlineMs: time(clockMs, plus: Int64(terms.sessionTimeoutMs)))
  }

  /// The member itself joins again. It knows no heartbeat's answer that it has not got, so the one that is parked gets
  /// what is known.
  private mutating func rejoin(_ member: Member, _ terms: JoinTerms, peer: String) throws(GroupError) {
    guard member.instanceID == terms.instanceID else {
      throw GroupError(
        .invalid,
        "member '\(member.id)' joined \(member.instanceID.map { "with instance_id '\($0)'" } ?? "without instance_id");"
          + " that cannot change, take another member_id")
    }
    let id = member.id
    answerParked(id)
    bumpEpoch()
    let old = member.subscription
    let new = subscriptions.add(terms.subscription, topics)
    subscriptions.remove(old)
    members[id]?.clientID = terms.clientID
    members[id]?.peer = peer
    members[id]?.subscription = new
    members[id]?.sessionTimeoutMs = terms.sessionTimeoutMs
    members[id]?.rebalanceTimeoutMs = terms.rebalanceTimeoutMs
    members[id]?.sessionDeadlineMs = time(clockMs, plus: Int64(terms.sessionTimeoutMs))
    changes.joined.append(id)
    if new != old {
      dropUnsubscribed(id)
      retarget()
    }
    moveOn(id)
    _ = give(to: id, isFresh: true)
    schedule(id)
  }

  /// A static member comes back under a new member id. What was to go the old one cannot read any more, so it is gone.
  private mutating func takeOver(from old: Member, _ terms: JoinTerms, peer: String) {
    bumpEpoch()
    var new = newMember(terms, peer: peer)
    remove(old.id, replaced(old.id, by: new.id))
    new.replaced = old.id
    new.target = old.target
    for partition in old.owned.keys where !old.lettingGo.contains(partition) { new.owned[partition] = epoch }
    add(new)
    guard new.subscription != old.subscription else { return }
    dropUnsubscribed(new.id)
    retarget()
  }
}
