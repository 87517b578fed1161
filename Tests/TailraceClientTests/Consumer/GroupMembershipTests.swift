import TailraceClient
import TailraceWire
import Testing

@Suite struct GroupMembershipTests {
  private func membership(sessionTimeoutMs: UInt32 = 0) -> GroupMembership {
    GroupMembership(
      GroupMembership.Settings(group: "g", clientID: "c", topics: ["t"], sessionTimeoutMs: sessionTimeoutMs),
      memberID: "m")
  }

  private func member(sessionTimeoutMs: UInt32 = 0, intervalMs: UInt32 = 3_000) -> GroupMembership {
    var membership = membership(sessionTimeoutMs: sessionTimeoutMs)
    _ = membership.join(nowMs: 0)
    membership.joined(JoinGroupResponse(memberID: "m", memberEpoch: 1, heartbeatIntervalMs: intervalMs))
    return membership
  }

  @Test func `a heartbeat is due at once where there is something to tell, else at the interval`() {
    var member = member()
    #expect(member.heartbeatDueMs == 0)
    _ = member.heartbeat(owned: PartitionAssignment(), isSettled: true, nowMs: 10)
    member.heard(HeartbeatResponse(memberEpoch: 1))
    #expect(member.heartbeatDueMs == 3_010)
    member.ownsOther()
    #expect(member.heartbeatDueMs == 10)
    _ = member.heartbeat(owned: PartitionAssignment(), isSettled: true, nowMs: 20)
    // The epoch moved on: the next heartbeat says that we have heard it.
    member.heard(HeartbeatResponse(memberEpoch: 2))
    #expect(member.heartbeatDueMs == 20)
  }

  @Test func `the broker may keep a heartbeat for the interval, but not while something is about to change`() {
    var member = member()
    #expect(member.heartbeat(owned: PartitionAssignment(), isSettled: false, nowMs: 0).maxWaitMs == 0)
    member.heard(HeartbeatResponse(memberEpoch: 1))
    #expect(member.heartbeat(owned: PartitionAssignment(), isSettled: true, nowMs: 0).maxWaitMs == 3_000)
    member.doubt()
    #expect(member.heartbeat(owned: PartitionAssignment(), isSettled: true, nowMs: 0).maxWaitMs == 0)
  }

  @Test(arguments: [(0, 100), (1, 100), (UInt32.max, 22_500), (20_000, 20_000)] as [(UInt32, UInt32)])
  func `whatever interval a broker asks for, it is bounded and half a session at most`(asked: UInt32, used: UInt32) {
    var member = member(intervalMs: asked)
    #expect(member.heartbeat(owned: PartitionAssignment(), isSettled: true, nowMs: 0).maxWaitMs == used)
  }

  @Test func `a session is over when nothing was heard since the last call that was answered`() {
    var member = member(sessionTimeoutMs: 9_000)
    #expect(member.sessionEndMs == 9_000)
    _ = member.heartbeat(owned: PartitionAssignment(), isSettled: true, nowMs: 4_000)
    #expect(member.sessionEndMs == 9_000)
    member.heard(HeartbeatResponse(memberEpoch: 1))
    #expect(member.sessionEndMs == 13_000)
    _ = member.heartbeat(owned: PartitionAssignment(), isSettled: true, nowMs: 7_000)
    member.heard(HeartbeatResponse(memberEpoch: 1))
    #expect(member.sessionEndMs == 16_000)
    member.end()
    #expect(member.sessionEndMs == nil)
  }
}
