package import TailraceWire

extension Group {
  /// A member leaves: what it owned is free at once.
  ///
  /// A static one keeps its place until its session time-out, so that it may come back, unless it gives its instance id:
  /// then it is out for good. With an instance id, the member id may be left out.
  package mutating func leave(_ request: LeaveGroupRequest, now: Int64) -> GroupOutcome<LeaveGroupResponse> {
    note(now)
    do throws(GroupError) {
      let member = try leaving(request)
      if member.instanceID != nil, request.instanceID == nil {
        stepOut(member)
      } else {
        remove(member.id, GroupError(.unknownMember, "member '\(member.id)' left group '\(id)'"))
        bumpEpoch()
        retarget()
      }
      answerNews()
      return finish(.success(LeaveGroupResponse()))
    } catch {
      return finish(.failure(error))
    }
  }

  private func leaving(_ request: LeaveGroupRequest) throws(GroupError) -> Member {
    if request.memberID.isEmpty, let instance = request.instanceID {
      guard let member = instances[instance].flatMap({ members[$0] }) else {
        throw GroupError(.unknownMember, "no member of group '\(id)' has instance_id '\(instance.excerpt)'")
      }
      return member
    }
    let member = try member(request.memberID)
    if let instance = request.instanceID, instance != member.instanceID {
      throw GroupError(
        .invalid,
        "member '\(member.id)' joined \(member.instanceID.map { "with instance_id '\($0)'" } ?? "without instance_id"), not"
          + " with '\(instance.excerpt)'")
    }
    return member
  }

  /// It reads nothing any more, but keeps its place. A late heartbeat of before proves nothing about what it reads when
  /// it comes back: so it is in a new epoch.
  private mutating func stepOut(_ member: Member) {
    answerParked(member.id)
    if !member.lettingGo.isEmpty { release(member.lettingGo, of: member.id) }
    moveOn(member.id)
    members[member.id]?.sessionDeadlineMs = time(clockMs, plus: Int64(member.sessionTimeoutMs))
  }
}
