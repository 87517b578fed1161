import Logging
import NIOCore
import TailraceGroups
import TailraceTesting
import TailraceWire
import Testing

@testable import TailraceBroker

@Suite struct GroupCoordinatorTests {
  private static let failure = RPCError(.resourceExhausted, "the disk is full", error: .storageFull)
  private let store = StubOffsetStore(isInline: true)
  private let clock = ManualClock()
  private let group: GroupID
  private let drawn: MemberID

  init() throws {
    group = try GroupID(naming: "g")
    drawn = try #require(MemberID("m"))
  }

  private func id(_ name: String) throws -> GroupID { try GroupID(naming: name) }

  private func topic(_ name: String = "orders", number: UInt64 = 7, partitions: UInt32 = 2) throws -> Topic {
    Topic(
      name: try TopicName(name), id: TopicID(high: 0, low: number), partitionCount: partitions,
      config: TopicConfig(stored: [], defaults: .none), createdAtMs: 0)
  }

  private func coordinator(over store: StubOffsetStore? = nil, maxGroups: Int = 100) throws -> GroupCoordinator {
    GroupCoordinator(
      store: store ?? self.store, topics: [try topic()], clock: clock, limits: GroupLimits(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, maxGroups: maxGroups)
  }

  private func join(
    _ groups: GroupCoordinator, to group: GroupID? = nil, topics: [String] = ["orders"]
  ) async throws -> JoinGroupResponse {
    let (request, now) = (JoinGroupRequest(topics: topics, sessionTimeoutMs: 10_000), clock.nowMs())
    return try await groups.apply(to: group ?? self.group, isFounding: true) { [drawn] in
      $0.join(request, drawnID: drawn, peer: "", now: now)
    }
  }

  private func beat(
    _ groups: GroupCoordinator, epoch: UInt32, owned: [TopicPartitions] = [], maxWaitMs: UInt32 = 0
  ) async throws -> HeartbeatReply {
    let request = HeartbeatRequest(memberID: "m", memberEpoch: epoch, owned: owned, maxWaitMs: maxWaitMs)
    let now = clock.nowMs()
    return try await groups.apply(to: group) { $0.heartbeat(request, ticket: 1, now: now) }
  }

  @discardableResult
  private func commit(
    _ groups: GroupCoordinator, _ offset: Int64, to group: GroupID? = nil, topic: String = "orders"
  ) async throws -> CommitOffsetResponse {
    let request = CommitOffsetRequest(offsets: [OffsetCommit(topic: topic, offset: offset)])
    let now = clock.nowMs()
    return try await groups.apply(to: group ?? self.group, isFounding: true) { $0.commit(request, now: now) }
  }

  private func committed(_ groups: GroupCoordinator, of group: GroupID? = nil) async throws -> [Int64] {
    try await groups.read(group ?? self.group) { group throws(GroupError) in
      try group.offsets(FetchOffsetsRequest())
    }.offsets.map(\.offset)
  }

  private func error<Value>(_ body: () async throws -> Value) async -> RPCError? {
    do {
      _ = try await body()
      return nil
    } catch { return error as? RPCError }
  }

  private func ids(_ groups: GroupCoordinator) -> [String] { groups.ids(prefix: "", after: "").map(\.name) }

  @Test func `a group that is not there is unknown, and looked at as an empty one`() async throws {
    let groups = try coordinator()
    #expect(await error { try await beat(groups, epoch: 1) }?.error == .unknownGroup)
    #expect(try await groups.read(group) { $0.exists } == false)
    #expect(ids(groups).isEmpty && store.appends.isEmpty)
  }

  @Test func `a group comes to be with a join or a commit, and is left by none that is refused`() async throws {
    let groups = try coordinator()
    #expect(await error { try await join(groups, topics: []) }?.code == .invalidArgument)
    #expect(try await commit(groups, 1, topic: "nothing").results.first?.error?.code == .unknownTopic)
    #expect(ids(groups).isEmpty && store.appends.isEmpty)
    #expect(try await join(groups).memberID == "m")
    try await commit(groups, 1, to: try id("committed"))
    #expect(ids(groups) == ["committed", "g"])
  }

  @Test func `there are so many groups and no more`() async throws {
    let groups = try coordinator(maxGroups: 2)
    for name in ["a", "b"] { try await commit(groups, 1, to: try id(name)) }
    let refused = await error { try await commit(groups, 1) }
    #expect(refused?.code == .resourceExhausted && refused?.error == .limitReached)
    try await commit(groups, 2, to: try id("a"))
    let now = clock.nowMs()
    _ = try await groups.apply(to: try id("a")) { $0.delete(now: now) }
    groups.tick()
    try await commit(groups, 1)
    #expect(ids(groups) == ["b", "g"])
  }

  @Test func `ids come in order, by prefix, after a given one`() async throws {
    let groups = try coordinator()
    for name in ["b", "a2", "a10", "é", "a1"] { try await commit(groups, 1, to: try id(name)) }
    #expect(ids(groups) == ["a1", "a10", "a2", "b", "é"])
    #expect(groups.ids(prefix: "a", after: "a1").map(\.name) == ["a10", "a2"])
  }

  @Test func `a group in short shows what is not stored yet, and nothing once that could not be`() throws {
    let store = StubOffsetStore()
    let groups = try coordinator(over: store)
    let request = JoinGroupRequest(topics: ["orders"])
    let replies = Notes<JoinGroupResponse?>()
    groups.apply(to: group, isFounding: true) { [drawn] in
      $0.join(request, drawnID: drawn, peer: "", now: 0)
    } deliver: {
      replies.add(try? $0.get())
    }
    #expect(replies.all.isEmpty && store.waitingCount == 1)
    #expect(groups.summary(of: group) == GroupSummary(group: "g", state: .stable, memberCount: 1))
    store.complete(Self.failure)
    #expect(replies.all == [nil])
    #expect(groups.summary(of: group) == GroupSummary(group: "g"))
    #expect(groups.summary(of: try id("other")) == nil)
  }

  @Test func `groups hear of topics`() async throws {
    let groups = try coordinator()
    let joined = try await join(groups, topics: ["orders", "later"])
    #expect(joined.assignment.map(\.topic) == ["orders"])
    groups.topicsChanged([try topic(), try topic("later", number: 8)])
    let reply = try await beat(groups, epoch: joined.memberEpoch, owned: joined.assignment)
    guard case .answered(let answer) = reply else {
      Issue.record("no answer")
      return
    }
    #expect(answer.assignment.map(\.topic) == ["later", "orders"])
    // One that comes to be now knows them too.
    let other = try await join(groups, to: try id("other"), topics: ["later"])
    #expect(other.assignment.map(\.topic) == ["later"])
    groups.topicsChanged([try topic("later", number: 8)])
    #expect(try await beat(groups, epoch: answer.memberEpoch) != reply)
  }

  @Test func `a member that is silent for its session time-out is out with the next tick`() async throws {
    let groups = try coordinator()
    let joined = try await join(groups)
    clock.advance(byMs: 9_999)
    groups.tick()
    _ = try await beat(groups, epoch: joined.memberEpoch, owned: joined.assignment)
    clock.advance(byMs: 9_999)
    groups.tick()
    #expect(try await groups.read(group) { $0.summary.memberCount } == 1)
    clock.advance(byMs: 1)
    groups.tick()
    #expect(try await groups.read(group) { $0.summary.memberCount } == 0)
    #expect(await error { try await beat(groups, epoch: joined.memberEpoch) }?.error == .unknownMember)
  }

  @Test func `a group whose offsets have expired is gone, also from the log`() async throws {
    let groups = try coordinator()
    try await commit(groups, 1)
    clock.advance(byMs: 7 * 24 * 3_600_000)
    groups.tick()
    #expect(ids(groups).isEmpty)
    let again = try coordinator()
    await again.load()
    #expect(ids(again).isEmpty)
  }

  @Test func `what a log holds is there after a load`() async throws {
    let before = try coordinator()
    let joined = try await join(before)
    try await commit(before, 4, to: try id("other"))
    let groups = try coordinator()
    await groups.load()
    #expect(ids(groups) == ["g", "other"])
    #expect(try await committed(groups, of: try id("other")) == [4])
    _ = try await beat(groups, epoch: joined.memberEpoch, owned: joined.assignment)
  }

  @Test func `a group whose records could not be stored comes back as it was before them`() async throws {
    let groups = try coordinator()
    try await commit(groups, 1)
    store.fail(Self.failure)
    let lost = await error { try await commit(groups, 2) }
    #expect(lost?.code == .unavailable && lost?.error == .storageFull)
    #expect(await error { try await committed(groups) }?.code == .unavailable)
    // Nothing is written before it is read again.
    let count = store.appends.count
    #expect(await error { try await commit(groups, 3) }?.code == .unavailable)
    groups.topicsChanged([try topic(partitions: 3)])
    #expect(store.appends.count == count && ids(groups) == ["g"])
    store.fail(nil)
    try await groups.reload()
    #expect(try await committed(groups) == [1])
    try await commit(groups, 4)
    #expect(try await committed(groups) == [4])
  }

  @Test func `however often a heartbeat waits, few times are kept at which to look at its group`() async throws {
    let groups = try coordinator()
    var told = try await join(groups)
    for round in 0..<1_000 as Range<UInt64> {
      let request = HeartbeatRequest(
        group: group.name, memberID: told.memberID, memberEpoch: told.memberEpoch, maxWaitMs: 5_000)
      groups.apply(to: group) {
        $0.heartbeat(request, ticket: round, now: groups.now)
      } deliver: { _ in
      }
      clock.advance(byMs: 5_000)
      groups.tick()
      #expect(groups.deadlineCount < 10, "round \(round)")
    }
    told = try await join(groups)
    #expect(groups.deadlineCount < 10)
  }

  @Test func `lost groups are read again by ticks`() async throws {
    let groups = try coordinator()
    try await commit(groups, 1)
    store.fail(Self.failure)
    _ = await error { try await commit(groups, 2) }
    store.fail(nil)
    groups.tick()
    while await error({ try await committed(groups) }) != nil { await Task.yield() }
    #expect(try await committed(groups) == [1])
    #expect(store.replayCount == 1)
    store.fail(Self.failure)
    _ = await error { try await commit(groups, 2) }
    store.fail(nil)
    // Whether the first reading has come to its end by now or not, the next one is not due.
    clock.advance(byMs: 999)
    groups.tick()
    #expect(store.replayCount == 1)
  }

  @Test func `a group that was lost at its first records is gone`() async throws {
    let groups = try coordinator()
    store.fail(Self.failure)
    #expect(await error { try await join(groups) }?.code == .unavailable)
    store.fail(nil)
    try await groups.reload()
    groups.tick()
    #expect(ids(groups).isEmpty)
    _ = try await join(groups)
  }

  @Test func `a group that was lost knows of topics that came while it was read`() async throws {
    let groups = try coordinator()
    let joined = try await join(groups, topics: ["orders", "later"])
    store.fail(Self.failure)
    _ = await error { try await commit(groups, 2) }
    let now = clock.nowMs()
    _ = await error { [drawn] in
      try await groups.apply(to: group) {
        $0.join(JoinGroupRequest(topics: ["orders"]), drawnID: drawn, peer: "", now: now)
      }
    }
    store.fail(nil)
    let topics = [try topic(), try topic("later", number: 8)]
    store.whileReplayed { groups.topicsChanged(topics) }
    try await groups.reload()
    let members = try await groups.read(group) { $0.describe().members }
    #expect(members.map { $0.assignment.map(\.topic) } == [["later", "orders"]])
    _ = joined
  }

  @Test func `a group that is read again while the broker stops lets no heartbeat wait`() async throws {
    let groups = try coordinator()
    try await commit(groups, 1)
    store.fail(Self.failure)
    _ = await error { try await commit(groups, 2) }
    store.fail(nil)
    groups.drain()
    try await groups.reload()
    let now = clock.nowMs()
    let joined = try await join(groups)
    let request = HeartbeatRequest(
      memberID: "m", memberEpoch: joined.memberEpoch, owned: joined.assignment, maxWaitMs: 3_000)
    let reply = try await groups.apply(to: group) { $0.heartbeat(request, ticket: 1, now: now) }
    #expect(reply != .parked)
  }

  @Test func `no heartbeat waits in a group that comes to be while the broker stops`() async throws {
    let groups = try coordinator()
    groups.drain()
    let joined = try await join(groups)
    let reply = try await beat(groups, epoch: joined.memberEpoch, owned: joined.assignment, maxWaitMs: 3_000)
    #expect(reply != .parked)
  }

  @Test func `a damaged record makes only its own group unusable, and nothing is read for it again`() async throws {
    let before = try coordinator()
    let other = try id("other")
    try await commit(before, 1)
    try await commit(before, 2, to: other)
    store.plant(.group(group), ByteBuffer(bytes: [0xFF, 0xFF, 0xFF]))
    let groups = try coordinator()
    await groups.load()
    #expect(await error { try await committed(groups) }?.code == .dataLoss)
    #expect(await error { try await join(groups) }?.code == .dataLoss)
    #expect(try await committed(groups, of: other) == [2])
    try await commit(groups, 3, to: other)
    let count = store.replayCount
    groups.tick()
    try await groups.reload()
    #expect(store.replayCount == count && ids(groups) == ["g", "other"])
  }

  /// A store whose log has a group with a member, and an offset that is damaged; and another group.
  private func damage() async throws {
    let before = try coordinator()
    try await commit(before, 1)
    _ = try await join(before)
    try await commit(before, 2, to: try id("other"))
    let partition = PartitionID(topic: TopicID(high: 0, low: 7), index: 0)
    store.plant(.offset(group, partition), ByteBuffer(bytes: [0xFF, 0xFF, 0xFF]))
  }

  @Test func `a damaged group can be deleted, and is as new, also after a restart`() async throws {
    try await damage()
    let groups = try coordinator()
    await groups.load()
    #expect(await error { try await committed(groups) }?.code == .dataLoss)
    _ = try await groups.delete(group)
    #expect(ids(groups) == ["other"])
    let again = try coordinator()
    await again.load()
    #expect(ids(again) == ["other"])
    for groups in [groups, again] {
      try await commit(groups, 5)
      #expect(try await committed(groups) == [5])
      #expect(try await committed(groups, of: try id("other")) == [2])
    }
  }

  @Test func `a damaged group that could not be deleted is damaged still`() async throws {
    try await damage()
    let groups = try coordinator()
    await groups.load()
    store.fail(Self.failure)
    #expect(await error { try await groups.delete(group) }?.error == .storageFull)
    #expect(await error { try await committed(groups) }?.code == .dataLoss)
    store.fail(nil)
    _ = try await groups.delete(group)
    #expect(ids(groups) == ["other"])
  }

  @Test func `while a damaged group is deleted it cannot be used, nor deleted again`() async throws {
    let store = StubOffsetStore()
    store.plant(.group(group), ByteBuffer(bytes: [0xFF, 0xFF, 0xFF]))
    let groups = try coordinator(over: store)
    await groups.load()
    let deletion = Task { [group] in try await groups.delete(group) }
    while store.waitingCount == 0 { await Task.yield() }
    #expect(await error { try await groups.delete(group) }?.code == .dataLoss)
    #expect(await error { try await commit(groups, 1) }?.code == .dataLoss)
    #expect(ids(groups) == ["g"])
    store.complete()
    _ = try await deletion.value
    #expect(ids(groups).isEmpty && store.appends.count == 1)
  }

  @Test func `where the log cannot be read at the start, all groups are refused, also new ones`() async throws {
    let groups = try coordinator()
    store.failReplays(RPCError(.dataLoss, "a batch is damaged"))
    await groups.load()
    #expect(await error { try await join(groups) }?.code == .dataLoss)
    #expect(await error { try await committed(groups) }?.code == .dataLoss)
    #expect(store.appends.isEmpty && ids(groups).isEmpty)
  }

  @Test func `a record that turns out damaged when a group is read again makes it unusable`() async throws {
    let groups = try coordinator()
    try await commit(groups, 1)
    store.fail(Self.failure)
    _ = await error { try await commit(groups, 2) }
    store.fail(nil)
    store.plant(.group(group), ByteBuffer(bytes: [0xFF, 0xFF, 0xFF]))
    try await groups.reload()
    #expect(await error { try await committed(groups) }?.code == .dataLoss)
  }
}
