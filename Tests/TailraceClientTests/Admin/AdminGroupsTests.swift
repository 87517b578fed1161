import TailraceClient
import TailraceTesting
import TailraceWire
import Testing

@Suite(.timeLimit(.minutes(15))) struct AdminGroupsTests {
  private let first = TopicPartition("orders", 0)
  private let second = TopicPartition("orders", 1)

  /// A topic of two partitions with three records in the first, and the group "billing" that has read one of them.
  private func withGroup(_ body: (Client, AdminClient) async throws -> Void) async throws {
    try await withBroker { broker in
      let admin = AdminClient(broker.client)
      try await admin.createTopic("orders", partitions: 2)
      try await produce(broker.client, to: first, timestamps: [10, 20, 30])
      let committed = try await admin.commitOffsets(
        [first: OffsetAndMetadata(1, metadata: "so far", epoch: 0)], of: "billing")
      _ = try committed.get()
      try await body(broker.client, admin)
    }
  }

  private func join(_ client: Client) async throws -> JoinGroupResponse {
    try await client.call(
      .groupServiceJoinGroup,
      JoinGroupRequest(group: "billing", instanceID: "a-1", clientID: "test", topics: ["orders"], assignor: .range),
      as: JoinGroupResponse.self)
  }

  @Test func `a group without members is told where it stands, and tells it`() async throws {
    try await withGroup { _, admin in
      let offsets = try await admin.committedOffsets(of: "billing")
      #expect(offsets.keys.map { $0 } == [first])
      #expect(offsets[first]?.offset == 1 && offsets[first]?.metadata == "so far" && offsets[first]?.epoch == 0)
      #expect(offsets[first]?.committedAtMs ?? 0 > 0)
      #expect(try await admin.committedOffsets(of: "billing", partitions: [second]).isEmpty)
      #expect(try await admin.committedOffsets(of: "billing", partitions: [first, second]) == offsets)
      #expect(try await admin.committedOffsets(of: "billing", partitions: []).isEmpty)
    }
  }

  @Test func `a group is described with its lag`() async throws {
    try await withGroup { _, admin in
      let group = try await admin.describeGroup("billing")
      #expect(group.group == "billing" && group.state == .empty && group.members.isEmpty)
      #expect(group.partitions.map(\.partition) == [first])
      #expect(group.partitions.first?.lag == 2 && group.partitions.first?.highWatermark == 3)
      #expect(group.partitions.first?.committed?.offset == 1 && group.partitions.first?.memberID == nil)
      #expect(group.totalLag == 2)
    }
  }

  @Test func `a group is described with its members`() async throws {
    try await withGroup { client, admin in
      let member = try await join(client)
      let group = try await admin.describeGroup("billing")
      #expect(group.state == .rebalancing || group.state == .stable)
      #expect(group.assignor == .range && group.epoch > 0)
      #expect(group.members.map(\.id) == [member.memberID])
      #expect(group.members.first?.instanceID == "a-1" && group.members.first?.clientID == "test")
      #expect(group.members.first?.assignment == [first, second])
      #expect(group.members.first?.address.hasPrefix("127.0.0.1") == true)
      let unread = group.partitions.first { $0.partition == second }
      #expect(unread == nil || (unread?.committed == nil && unread?.lag == nil))
      #expect(try await admin.listGroups().map(\.memberCount) == [1])
    }
  }

  @Test func `groups are listed by prefix, page after page`() async throws {
    try await withGroup { _, admin in
      var admin = admin
      for index in 0..<5 { try await admin.commitOffsets([first: OffsetAndMetadata(0)], of: "g\(index)") }
      for pageSize in [1, 2, 5, 6] as [UInt32] {
        admin.pageSize = pageSize
        #expect(try await admin.listGroups(prefix: "g").map(\.group) == ["g0", "g1", "g2", "g3", "g4"])
        #expect(try await admin.listGroups().count == 6)
      }
      let billing = try await admin.listGroups(prefix: "bill")
      #expect(billing.map(\.group) == ["billing"] && billing.map(\.state) == [.empty])
    }
  }

  @Test func `offsets are reset, or it is shown how they would be`() async throws {
    try await withGroup { _, admin in
      func move(_ target: OffsetReset, dryRun: Bool = false) async throws -> [Int64?] {
        let move = try await admin.resetOffsets(of: "billing", to: target, dryRun: dryRun).get()[first]
        return [move?.old, move?.new]
      }
      #expect(try await move(.latest, dryRun: true) == [1, 3])
      #expect(try await move(.latest) == [1, 3])
      #expect(try await move(.earliest) == [3, 0])
      #expect(try await move(.shift(by: 2)) == [0, 2])
      #expect(try await move(.shift(by: -1)) == [2, 1])
      #expect(try await move(.timestampMs(25)) == [1, 2])
      #expect(try await move(.offset(1)) == [2, 1])
      #expect(try await move(.offset(.max)) == [1, 3])
      #expect(try await admin.committedOffsets(of: "billing")[first]?.offset == 3)
      let named = try await admin.resetOffsets(of: "billing", partitions: [second], to: .earliest).get()
      #expect(named.keys.map { $0 } == [second] && named[second]?.old == nil && named[second]?.new == 0)
      #expect(try await admin.resetOffsets(of: "billing", partitions: [], to: .earliest).isEmpty)
    }
  }

  @Test func `a partition that fails does not keep the others from succeeding`() async throws {
    try await withGroup { _, admin in
      let none = TopicPartition("orders", 2)
      let committed = try await admin.commitOffsets(
        [first: OffsetAndMetadata(2), none: OffsetAndMetadata(0)], of: "billing")
      #expect(committed[none]?.code == .unknownPartition && committed[first]?.code == nil && committed.count == 2)
      #expect(try await admin.committedOffsets(of: "billing")[first]?.offset == 2)
      let moves = try await admin.resetOffsets(of: "billing", partitions: [first, second, none], to: .shift(by: 1))
      #expect(moves[first]?.value?.new == 3)
      #expect(moves[second]?.code == .invalidRequest && moves[none]?.code == .unknownPartition)
    }
  }

  @Test func `a group with members is left alone`() async throws {
    try await withGroup { client, admin in
      let member = try await join(client)
      await expect(.groupNotEmpty) { try await admin.deleteGroup("billing") }
      await expect(.groupNotEmpty) { try await admin.resetOffsets(of: "billing", to: .earliest) }
      await expect(.groupNotEmpty) { try await admin.commitOffsets([first: OffsetAndMetadata(0)], of: "billing") }
      _ = try await client.call(
        .groupServiceLeaveGroup,
        LeaveGroupRequest(group: "billing", memberID: member.memberID, instanceID: "a-1"), as: LeaveGroupResponse.self)
      try await admin.deleteGroup("billing")
      await expect(.unknownGroup) { try await admin.describeGroup("billing") }
    }
  }

  @Test func `failures have the broker's codes`() async throws {
    try await withGroup { _, admin in
      await expect(.unknownGroup) { try await admin.describeGroup("none") }
      await expect(.unknownGroup) { try await admin.deleteGroup("none") }
      await expect(.unknownGroup) { try await admin.resetOffsets(of: "none", to: .earliest) }
      await expect(.invalidArgument) { try await admin.describeGroup("") }
      for epoch in [-1, Int.max] {
        await expect(.invalidArgument) {
          try await admin.commitOffsets([first: OffsetAndMetadata(0, epoch: epoch)], of: "billing")
        }
      }
      for number in [-1, Int.max] {
        let partition = TopicPartition("orders", number)
        await expect(.invalidArgument) {
          try await admin.commitOffsets([partition: OffsetAndMetadata(0)], of: "billing")
        }
        await expect(.invalidArgument) { try await admin.committedOffsets(of: "billing", partitions: [partition]) }
        await expect(.invalidArgument) {
          try await admin.resetOffsets(of: "billing", partitions: [partition], to: .earliest)
        }
      }
    }
  }
}
