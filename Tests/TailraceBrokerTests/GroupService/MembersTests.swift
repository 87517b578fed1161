import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

@testable import TailraceBroker

/// Members of groups, through the dispatcher.
@Suite struct MembersTests {
  @Test func `two members share a topic's partitions`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 4)
      let first = try await broker.join(member: "a")
      #expect(first.assignment.flat == (0..<4).map { "orders/\($0)" })
      let second = try await broker.join(member: "b")
      #expect(second.assignment.isEmpty)
      let told = try await broker.beat(member: "a", epoch: first.memberEpoch, owned: first.assignment)
      #expect(told.assignment.flat.count == 2)
      let kept = try await broker.beat(member: "a", epoch: told.memberEpoch, owned: told.assignment)
      #expect(kept.assignment == told.assignment)
      let given = try await broker.beat(member: "b", epoch: second.memberEpoch)
      #expect(Set(given.assignment.flat + kept.assignment.flat) == Set(first.assignment.flat))
      #expect(given.assignment.flat.count == 2)
      let group = try await broker.describe()
      #expect(group.group == GroupSummary(group: "g", state: .stable, memberCount: 2))
      #expect(group.members.map(\.memberID) == ["a", "b"])
      #expect(group.members.map(\.owned) == [kept.assignment, given.assignment])
      #expect(group.members.map(\.peer) == ["127.0.0.1:9", "127.0.0.1:9"])
      #expect(Set(group.partitions.map(\.memberID)) == ["a", "b"])
    }
  }

  @Test func `the broker draws an id for a member that has none`() async throws {
    try await withFixture { broker in
      let ids = [try await broker.join().memberID, try await broker.join().memberID]
      #expect(Set(ids).count == 2 && !ids.contains(""))
    }
  }

  @Test func `a heartbeat that waits is answered when another member joins or leaves`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      let first = try await broker.parkOne()
      #expect(broker.connection.answers(to: first).isEmpty && broker.parkedCount == 1)
      let other = try await broker.join(member: "other")
      let told = try await broker.connection.response(to: first).decoded(as: HeartbeatResponse.self)
      #expect(told.assignment.flat.count == 1 && broker.parkedCount == 0)
      let kept = try await broker.beat(member: "m", epoch: told.memberEpoch, owned: told.assignment)
      let second = try await broker.sendBeat(member: "m", epoch: kept.memberEpoch, owned: kept.assignment)
      #expect(broker.parkedCount == 1)
      _ = try await broker.call(
        .groupServiceLeaveGroup, LeaveGroupRequest(group: "g", memberID: other.memberID), as: LeaveGroupResponse.self)
      let all = try await broker.connection.response(to: second).decoded(as: HeartbeatResponse.self)
      #expect(all.assignment.flat == ["orders/0", "orders/1"] && broker.parkedCount == 0)
    }
  }

  @Test func `a heartbeat that waits is answered once its time is over`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let call = try await broker.parkOne()
      broker.clock.advance(byMs: 9_999)
      broker.broker.tick()
      #expect(broker.parkedCount == 1)
      broker.clock.advance(byMs: 1)
      broker.broker.tick()
      #expect(try await broker.connection.response(to: call).decoded(as: HeartbeatResponse.self).assignment.count == 1)
      #expect(broker.parkedCount == 0 && broker.connection.answers(to: call).count == 1)
    }
  }

  @Test func `a heartbeat that waits is told that its member is out`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let call = try await broker.parkOne()
      broker.clock.advance(byMs: 30_000)
      broker.broker.tick()
      #expect(await broker.connection.response(to: call).failure?.error == .fencedMember)
      #expect(broker.parkedCount == 0)
    }
  }

  @Test func `a heartbeat that nobody waits for any more is let go of`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let call = try await broker.parkOne()
      await broker.connection.abandon(call)
      #expect(broker.parkedCount == 0)
      _ = try await broker.join(member: "other")
      #expect(broker.connection.answers(to: call).isEmpty)
    }
  }

  @Test func `a connection that closes lets go of its heartbeats, and of no others`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      let kept = try await broker.parkOne("m")
      let other = FakeCallConnection(to: broker.broker.dispatcher)
      let joined = try await other.call(
        .groupServiceJoinGroup, JoinGroupRequest(group: "h", memberID: "o", topics: ["orders"]),
        as: JoinGroupResponse.self)
      let beat = HeartbeatRequest(
        group: "h", memberID: "o", memberEpoch: joined.memberEpoch, owned: joined.assignment, maxWaitMs: 10_000)
      let lost = await other.send([(.groupServiceHeartbeat, try beat.encoded())])[0]
      #expect(broker.parkedCount == 2)
      await other.close()
      #expect(broker.parkedCount == 1 && other.answers(to: lost).isEmpty)
      broker.broker.drain()
      #expect(await broker.connection.response(to: kept).failure?.code == .unavailable)
    }
  }

  @Test func `heartbeats are answered when the connection's input has ended`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let call = try await broker.parkOne()
      await broker.connection.endInput()
      #expect(broker.connection.answers(to: call).first?.failure?.code == .cancelled)
      #expect(broker.parkedCount == 0)
      broker.broker.drain()
      #expect(broker.connection.answers(to: call).count == 1)
    }
  }

  @Test func `heartbeats are answered when the broker stops, and none waits after that`() async throws {
    try await withFixture { broker in
      try await broker.createTopic()
      let call = try await broker.parkOne()
      broker.broker.drain()
      #expect(broker.connection.answers(to: call).first?.failure?.error == .shuttingDown)
      let member = try #require(try await broker.describe().members.first)
      let next = try await broker.sendBeat(member: "m", epoch: member.memberEpoch, owned: member.owned)
      #expect(broker.connection.answers(to: next).count == 1 && broker.parkedCount == 0)
    }
  }

  @Test func `only so many heartbeats of a connection wait, and more are answered at once`() async throws {
    try await withFixture { broker in
      for number in 0..<513 {
        let joined = try await broker.join("g\(number)", member: "m")
        let call = try await broker.sendBeat("g\(number)", member: "m", epoch: joined.memberEpoch)
        guard number == 512 else { continue }
        let answer = try #require(broker.connection.answers(to: call).first)
        #expect(try answer.decoded(as: HeartbeatResponse.self).memberEpoch == joined.memberEpoch)
      }
      #expect(broker.parkedCount == 512)
    }
  }

  @Test func `a heartbeat that cannot be stored is told so, and so are those that wait`() async throws {
    try await withFixture { broker in
      try await broker.createTopic(partitions: 2)
      let waiting = try await broker.parkOne()
      broker.store.fail(.append(.refused(StorageError(.full, "the disk is full"))))
      #expect(try await broker.failure(of: .groupServiceJoinGroup, Self.otherMember)?.code == .unavailable)
      #expect(await broker.connection.response(to: waiting).failure?.code == .unavailable)
      #expect(broker.parkedCount == 0 && broker.connection.answers(to: waiting).count == 1)
      broker.store.fail(.none)
      broker.broker.tick()
      while try await broker.failure(of: .groupServiceDescribeGroup, DescribeGroupRequest(group: "g")) != nil {
        await Task.yield()
      }
      #expect(try await broker.describe().members.map(\.memberID) == ["m"])
    }
  }

  private static let otherMember = JoinGroupRequest(group: "g", memberID: "other", topics: ["orders"])

  @Test func `a member of a group that is not there is to join again`() async throws {
    try await withFixture { broker in
      let beat = HeartbeatRequest(group: "g", memberID: "m", memberEpoch: 1)
      let commit = CommitOffsetRequest(
        group: "g", memberID: "m", memberEpoch: 1, offsets: [OffsetCommit(topic: "orders", offset: 1)])
      for failure in [
        try await broker.failure(of: .groupServiceHeartbeat, beat),
        try await broker.failure(of: .groupServiceCommitOffset, commit),
      ] {
        #expect(failure?.code == .notFound && failure?.error == .unknownMember)
      }
      #expect(try await broker.list().groups.isEmpty)
    }
  }

  @Test(arguments: ["", "a\u{1}b", "line\nend", String(repeating: "g", count: 256)])
  func `a group's name has its bounds`(_ name: String) async throws {
    try await withFixture { broker in
      let offset = OffsetCommit(topic: "orders", offset: 1)
      let failures = [
        try await broker.failure(
          of: .groupServiceJoinGroup, JoinGroupRequest(group: name, memberID: "m", topics: ["orders"])),
        try await broker.failure(of: .groupServiceHeartbeat, HeartbeatRequest(group: name, memberID: "m")),
        try await broker.failure(
          of: .groupServiceHeartbeat, HeartbeatRequest(group: name, memberID: "m", maxWaitMs: 100)),
        try await broker.failure(of: .groupServiceLeaveGroup, LeaveGroupRequest(group: name, memberID: "m")),
        try await broker.failure(
          of: .groupServiceCommitOffset, CommitOffsetRequest(group: name, offsets: [offset])),
        try await broker.failure(of: .groupServiceFetchOffsets, FetchOffsetsRequest(group: name)),
        try await broker.failure(of: .groupServiceDescribeGroup, DescribeGroupRequest(group: name)),
        try await broker.failure(of: .groupServiceDeleteGroup, DeleteGroupRequest(group: name)),
        try await broker.failure(of: .groupServiceResetOffsets, ResetOffsetsRequest(group: name, to: .latest)),
      ]
      #expect(failures.map { $0?.code } == Array(repeating: .invalidArgument, count: failures.count))
      #expect(broker.parkedCount == 0)
    }
  }

  @Test(arguments: ["a)|(b", "(", #"(a)\1"#, "a{999}", String(repeating: "(", count: 200_000)])
  func `a pattern that is none is refused, and leaves no group`(_ pattern: String) async throws {
    try await withFixture { broker in
      let request = JoinGroupRequest(group: "g", topicPattern: pattern)
      let failure = try await broker.failure(of: .groupServiceJoinGroup, request)
      let groups = try await broker.list().groups
      #expect(failure?.code == .invalidArgument && groups.isEmpty)
    }
  }

  @Test func `members with a pattern get topics when they are created, and lose them when they go`() async throws {
    try await withFixture { broker in
      try await broker.createTopic("orders-eu")
      try await broker.createTopic("payments")
      let joined = try await broker.join(member: "m", pattern: "orders-.*")
      #expect(joined.assignment.flat == ["orders-eu/0"])
      let waiting = try await broker.sendBeat(member: "m", epoch: joined.memberEpoch, owned: joined.assignment)
      try await broker.createTopic("other-orders-us")
      #expect(broker.parkedCount == 1)
      try await broker.createTopic("orders-us", partitions: 2)
      let told = try await broker.connection.response(to: waiting).decoded(as: HeartbeatResponse.self)
      #expect(told.assignment.flat == ["orders-eu/0", "orders-us/0", "orders-us/1"])
      try await broker.deleteTopic("orders-eu")
      let left = try await broker.beat(member: "m", epoch: told.memberEpoch, owned: told.assignment)
      #expect(left.assignment.flat == ["orders-us/0", "orders-us/1"])
      #expect(
        try await broker.join("all", member: "m", pattern: ".*").assignment.allSatisfy { !$0.topic.hasPrefix("_") })
    }
  }
}
