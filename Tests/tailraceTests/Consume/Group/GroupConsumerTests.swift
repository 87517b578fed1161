import NIOCore
import TailraceClient
import TailraceWire
import Testing

@testable import tailrace

private let lost = RPCError(.unavailable, "the connection was lost")
private let isHeartbeat: @Sendable (GroupCall) -> Bool = { if case .heartbeat = $0 { true } else { false } }
private let isCommit: @Sendable (GroupCall) -> Bool = { if case .commit = $0 { true } else { false } }
private let isJoin: @Sendable (GroupCall) -> Bool = { if case .join = $0 { true } else { false } }
private let isConnect: @Sendable (GroupCall) -> Bool = { if case .connect = $0 { true } else { false } }
private let isPosition: @Sendable (GroupCall) -> Bool = { if case .position = $0 { true } else { false } }
private let isFetch: @Sendable (GroupCall) -> Bool = { if case .fetch = $0 { true } else { false } }

@Suite struct GroupConsumerTests {
  @Test func `it joins, looks where to begin, fetches, and has a heartbeat with the broker all the while`() {
    var play = GroupConsumerPlay()
    play.advance()
    #expect(play.join?.memberID == "m")
    play.joined([0, 1])
    #expect(play.heartbeat?.owned == [])
    #expect(play.heartbeat?.maxWaitMs == 0)
    #expect(play.position?.message == topics([0, 1]))
    #expect(play.fetch == nil)
    play.positioned([0: 5, 1: 7])
    play.heard([0, 1])
    #expect(play.heartbeat?.owned == topics([0, 1]))
    #expect(play.heartbeat?.maxWaitMs == 3_000)
    #expect(Set(play.fetch?.targets.map(\.offset) ?? []) == [5, 7])
  }

  @Test func `a commit goes as far as what was written and no further`() throws {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 3)
    #expect(play.written == "0\n1\n2\n")
    try play.fetched(0, at: 3, count: 2)
    play.pass(ms: 2_000)
    #expect(play.commit == nil)
    play.finishWrite()
    #expect(play.commit?.offsets.map(\.offset) == [3])
    play.finishWrite()
    play.committed()
    #expect(play.commit == nil)
    play.pass(ms: 999)
    #expect(play.commit == nil)
    play.pass(ms: 1)
    #expect(play.commit?.offsets.map(\.offset) == [5])
  }

  @Test func `where nothing is stored, the place it begins at is committed`() {
    var play = GroupConsumerPlay()
    play.advance()
    play.joined([0])
    play.positioned([0: 42], isStored: false)
    #expect(play.commit?.offsets.map(\.offset) == [42])
  }

  @Test func `a partition that goes is read no more, committed once written, then let go; others go on`() throws {
    var play = GroupConsumerPlay.settled([0, 1])
    try play.fetched(0, at: 0, count: 3)
    play.heard([1], epoch: 1)
    #expect(play.fetch?.targets.map(\.partition) == [1])
    // What is being written is waited for, and owned until it is committed.
    play.pass(ms: 10)
    #expect(play.commit == nil)
    #expect(play.heartbeat == nil || play.heartbeat?.owned == topics([0, 1]))
    play.finishWrite()
    #expect(play.commit?.offsets.map(\.offset) == [3])
    play.committed()
    #expect(play.heartbeat?.owned == topics([1]))
  }

  @Test func `records fetched and not written yet are dropped with their partition`() throws {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 1)
    try play.fetched(0, at: 1, count: 1)
    play.heard([])
    play.finishWrite()
    #expect(play.written == "0\n")
    #expect(!play.isWriting)
    #expect(play.commit?.offsets.map(\.offset) == [1])
  }

  @Test func `while a partition goes the heart beats on`() throws {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 1)
    play.heard([])
    #expect(play.heartbeat == nil)
    play.pass(ms: 3_000)
    #expect(play.heartbeat?.owned == topics([0]))
    #expect(play.heartbeat?.maxWaitMs == 0)
  }

  @Test func `a partition that comes is begun with a new fetch at once`() {
    var play = GroupConsumerPlay.settled([0])
    play.heard([0, 1], epoch: 2)
    #expect(play.position?.message == topics([1]))
    play.positioned([1: 9])
    #expect(Set(play.fetch?.targets.map(\.offset) ?? []) == [0, 9])
    #expect(play.heartbeat?.memberEpoch == 2)
  }

  @Test func `one that comes back while it goes is begun anew, from what was committed`() throws {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 3)
    play.heard([])
    play.pass(ms: 3_000)
    play.heard([0], epoch: 2)
    #expect(play.position == nil)
    play.finishWrite()
    #expect(play.position == nil)
    play.committed()
    #expect(play.position?.message == topics([0]))
    play.positioned([0: 3])
    #expect(play.fetch?.targets.map(\.offset) == [3])
  }

  @Test(arguments: [ErrorCode.fencedMember, .unknownMember])
  func `out of the group, it drops all, says so once, and joins again as the member that it was`(code: ErrorCode) throws
  {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 3)
    play.fail(isHeartbeat, RPCError(.failedPrecondition, "out", error: code))
    #expect(play.said.count == 1)
    #expect(play.fetch == nil && play.commit == nil && play.join == nil)
    // What was being written then is not committed by the new member.
    play.finishWrite()
    play.pass(ms: Backoff.firstMs)
    #expect(play.join?.memberID == "m")
    play.joined([0])
    play.heard([0])
    play.positioned([0: 0])
    play.pass(ms: 5_000)
    #expect(play.commit == nil)
    #expect(play.fetch?.targets.map(\.offset) == [0])
    #expect(play.said.count == 1)
  }

  @Test func `what is written under a membership that is over is nothing of the next one's`() throws {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 9)
    play.fail(isHeartbeat, RPCError(.failedPrecondition, "out", error: .unknownMember))
    play.pass(ms: Backoff.firstMs)
    play.joined([0])
    play.heard([0])
    play.positioned([0: 4])
    play.finishWrite()
    play.pass(ms: 5_000)
    #expect(play.commit == nil)
    #expect(play.fetch?.targets.map(\.offset) == [4])
  }

  @Test func `a topic that was created again is begun once its predecessor has gone`() throws {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 3)
    let again = TopicPartitions(topic: "t", topicID: ByteBuffer(repeating: 1, count: 16), partitions: [0])
    play.heard(assignment: [again])
    #expect(play.position == nil && play.fetch == nil)
    play.finishWrite()
    #expect(play.position == nil)
    play.committed([PartitionError(code: .unknownTopicID, message: "?")])
    play.pass(ms: 1_000)
    #expect(play.position?.message == [again])
  }

  @Test func `a fenced commit counts as a fenced member, alone or for one partition`() throws {
    for isWhole in [true, false] {
      var play = GroupConsumerPlay.settled([0])
      try play.fetched(0, at: 0, count: 3)
      play.finishWrite()
      if isWhole {
        play.fail(isCommit, RPCError(.failedPrecondition, "out", error: .fencedMember))
      } else {
        play.committed([PartitionError(code: .fencedMember, message: "out")])
      }
      play.pass(ms: Backoff.firstMs)
      #expect(play.join?.memberID == "m")
    }
  }

  @Test func `members that are fenced again and again come back more and more slowly`() {
    var play = GroupConsumerPlay.settled([0])
    var waits: [Int64] = []
    for _ in 0..<4 {
      play.fail(isHeartbeat, RPCError(.failedPrecondition, "out", error: .fencedMember))
      var waited: Int64 = 0
      while play.join == nil {
        play.pass(ms: 50)
        waited += 50
      }
      waits.append(waited)
      play.joined([0])
    }
    #expect(waits == [100, 200, 400, 800])
  }

  @Test func `a lost connection is made anew, and reading goes on once the broker knows the member still`() throws {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 3)
    play.finishWrite()
    play.fail(isFetch, lost)
    #expect(play.calls.isEmpty)
    for _ in 0..<5 {
      play.pass(ms: Backoff.maxMs)
      play.fail(isConnect, lost)
    }
    #expect(play.said.count == 1)
    play.pass(ms: Backoff.maxMs)
    play.answer(.connected)
    #expect(play.heartbeat?.memberID == "m")
    #expect(play.heartbeat?.maxWaitMs == 0)
    #expect(play.fetch == nil && play.commit == nil)
    play.heard([0])
    #expect(play.fetch?.targets.map(\.offset) == [3])
    #expect(play.commit?.offsets.map(\.offset) == [3])
    #expect(play.said.count == 2)
  }

  @Test func `however long a broker is away, it is tried several times within a session`() {
    var play = GroupConsumerPlay.settled([0], sessionTimeoutMs: 1_000)
    play.fail(isFetch, lost)
    for _ in 0..<10 {
      play.pass(ms: 333)
      #expect(play.isConnecting)
      play.fail(isConnect, lost)
    }
  }

  @Test func `a broker that is back and has forgotten the member is told of first`() {
    var play = GroupConsumerPlay.settled([0])
    play.fail(isFetch, lost)
    play.pass(ms: Backoff.firstMs)
    play.answer(.connected)
    play.fail(isHeartbeat, RPCError(.notFound, "no group 'g'", error: .unknownGroup))
    #expect(play.said.dropFirst().first == "connected again")
    #expect(play.said.last?.hasPrefix("no group 'g' (UNKNOWN_GROUP); joining group 'g' anew") == true)
  }

  @Test func `the waits for a broker grow, and begin anew once it answered`() {
    var play = GroupConsumerPlay.settled([0])
    play.fail(isHeartbeat, lost)
    #expect(!play.isConnecting)
    play.pass(ms: 100)
    play.fail(isConnect, lost)
    play.pass(ms: 100)
    #expect(!play.isConnecting)
    play.pass(ms: 100)
    play.answer(.connected)
    play.heard([0])
    play.fail(isFetch, lost)
    play.pass(ms: 100)
    #expect(play.isConnecting)
  }

  @Test func `when the session is over without the broker, it drops all and joins again, leaving no ghost`() {
    var play = GroupConsumerPlay.settled([0])
    play.fail(isHeartbeat, lost)
    play.pass(ms: 44_999)
    #expect(play.said.count == 1)
    play.pass(ms: 1)
    #expect(play.said.count == 2)
    play.answer(.connected)
    play.pass(ms: 1_000)
    #expect(play.join?.memberID == "m")
    #expect(play.heartbeat == nil)
  }

  @Test(arguments: [
    RPCError(.unimplemented, "no groups"), RPCError(.unavailable, "away"), RPCError(.invalidArgument, "bad pattern"),
  ])
  func `what fails before it has ever joined ends it`(error: RPCError) {
    var play = GroupConsumerPlay()
    play.advance()
    play.fail(isJoin, error)
    #expect(play.consumer.hasEnded)
    #expect(play.consumer.reason?.exitCode == ExitStatus.code(of: error.code))
    #expect(play.calls.isEmpty)
  }

  @Test func `stopped, it writes to the end what it has begun, commits that, leaves, and ends`() throws {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 3)
    try play.fetched(0, at: 3, count: 3)
    play.consumer.stop(nil)
    play.advance()
    #expect(play.fetch == nil && play.commit == nil && !play.isLeaving)
    play.finishWrite()
    #expect(play.written == "0\n1\n2\n")
    #expect(play.commit?.offsets.map(\.offset) == [3])
    #expect(!play.isLeaving)
    play.committed()
    #expect(play.isLeaving)
    #expect(!play.consumer.hasEnded)
    play.answer(.left)
    #expect(play.consumer.hasEnded)
    #expect(play.consumer.reason == nil)
  }

  @Test func `it does not wait for ever to say farewell, and tells what is not committed`() throws {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 3)
    play.consumer.stop(nil)
    play.finishWrite()
    play.pass(ms: GroupConsumer.farewellMs - 1)
    #expect(!play.consumer.hasEnded)
    #expect(play.consumer.wakeAtMs == play.nowMs + 1)
    play.pass(ms: 1)
    #expect(play.consumer.hasEnded)
    #expect(play.consumer.reason?.message.contains("not committed") == true)
  }

  @Test func `a reader that goes away ends it with what was written before committed`() throws {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 3)
    play.finishWrite()
    play.committed()
    try play.fetched(0, at: 3, count: 3)
    play.finishWrite(.readerGone)
    #expect(play.commit == nil)
    #expect(play.isLeaving)
    play.answer(.left)
    #expect(play.consumer.reason == .readerGone)
  }

  @Test func `at the limit it commits exactly that many and leaves`() throws {
    var play = GroupConsumerPlay.settled([0], limit: 2)
    try play.fetched(0, at: 0, count: 9)
    #expect(play.written == "0\n1\n")
    play.finishWrite()
    #expect(play.commit?.offsets.map(\.offset) == [2])
    play.committed()
    play.answer(.left)
    #expect(play.consumer.hasEnded && play.consumer.reason == nil)
  }

  @Test func `at the ends of all partitions it ends, but not while the group is on the move`() throws {
    var play = GroupConsumerPlay.settled([0], exitsAtEnd: true, end: 3)
    #expect(!play.isDescribing)
    try play.fetched(0, at: 0, count: 5)
    #expect(play.written == "0\n1\n2\n")
    #expect(!play.isDescribing)
    play.finishWrite()
    #expect(play.isDescribing)
    play.answer(.described(DescribeGroupResponse(group: GroupSummary(group: "g", state: .rebalancing))))
    #expect(!play.isLeaving && !play.isDescribing)
    play.pass(ms: 250)
    play.answer(.described(DescribeGroupResponse(group: GroupSummary(group: "g", state: .stable))))
    play.committed()
    #expect(play.isLeaving)
  }

  @Test func `news that comes while it asks whether the group is settled keeps it`() {
    var play = GroupConsumerPlay.settled([], exitsAtEnd: true)
    #expect(play.isDescribing)
    play.heard([0])
    play.answer(.described(DescribeGroupResponse(group: GroupSummary(group: "g", state: .stable))))
    #expect(!play.isLeaving)
    #expect(play.position?.message == topics([0]))
  }

  @Test func `where the log begins later than the group's offset, it goes on there and says so`() {
    var play = GroupConsumerPlay.settled([0])
    let gone = FetchedPartition(
      topic: "t", partition: 0, error: PartitionError(code: .offsetOutOfRange, message: "?"), highWatermark: 90,
      logStartOffset: 40)
    play.answer(.fetched(FetchResponse(partitions: [gone])))
    #expect(play.said.count == 1)
    #expect(play.said.first?.hasSuffix("going on at offset 40") == true)
    #expect(play.fetch?.targets.map(\.offset) == [40])
    #expect(!play.consumer.isEnding)
  }

  @Test func `where the log fell back, it goes back, and so does what is committed`() throws {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 9)
    play.finishWrite()
    play.committed()
    try play.fetched(0, at: 9, count: 1)
    let back = FetchedPartition(
      topic: "t", partition: 0, error: PartitionError(code: .offsetTruncated, message: "?"), truncatedTo: 4)
    play.answer(.fetched(FetchResponse(partitions: [back])))
    play.finishWrite()
    #expect(play.fetch?.targets.map(\.offset) == [4])
    play.pass(ms: 1_000)
    #expect(play.commit?.offsets.map(\.offset) == [4])
  }

  @Test func `a partition that is not there, or another's, is given up, and begun again where it stays assigned`()
    throws
  {
    var play = GroupConsumerPlay.settled([0, 1])
    try play.fetched(0, at: 0, count: 1)
    play.finishWrite()
    play.committed([PartitionError(code: .notOwner, message: "?")])
    #expect(play.fetch?.targets.map(\.partition) == [1])
    play.heard([0, 1])
    #expect(play.heartbeat?.owned == topics([1]))
    #expect(play.position == nil)
    play.pass(ms: 1_000)
    #expect(play.position?.message == topics([0]))
  }

  @Test func `a commit that fails for a while is told once, and tried again without a flood`() throws {
    var play = GroupConsumerPlay.settled([0])
    try play.fetched(0, at: 0, count: 1)
    play.finishWrite()
    play.heard([])
    let full = PartitionError(code: .storageFull, message: "the disk is full")
    for _ in 0..<3 {
      play.committed([full])
      #expect(play.commit == nil)
      play.pass(ms: 1_000)
    }
    #expect(play.said.count == 1)
    play.heard([])
    play.committed()
    #expect(play.heartbeat?.owned == [])
  }

  @Test func `an answer about the past counts for nothing`() throws {
    var play = GroupConsumerPlay.settled([0])
    let id = try #require(play.calls.first { isFetch($0.call) }).id
    play.heard([])
    let old = FetchResponse(partitions: [
      FetchedPartition(topic: "t", partition: 0, batches: [try fetchedBatch(at: 0, count: 1)])
    ])
    play.consumer.take(id, .success(.fetched(old)), nowMs: play.nowMs)
    play.advance()
    #expect(play.written.isEmpty)
    #expect(!play.consumer.isEnding)
  }

  @Test
  func `where to begin is asked anew in a partition that was away meanwhile, and an old answer counts for nothing`()
    throws
  {
    var play = GroupConsumerPlay()
    play.advance()
    play.joined([0, 1])
    let old = try #require(play.calls.first { isPosition($0.call) }).id
    play.heard([1], epoch: 2)
    #expect(play.position?.message == topics([1]))
    play.heard([0, 1], epoch: 3)
    let points = [0, 1].map { StartingPoint(cursor: cursor($0, offset: 4), isStored: true) }
    play.consumer.take(old, .success(.positioned(points)), nowMs: play.nowMs)
    play.advance()
    #expect(play.fetch == nil)
    play.positioned([1: 7])
    #expect(play.fetch?.targets.map(\.offset) == [7])
    play.pass(ms: 1_000)
    #expect(play.position?.message == topics([0]))
    play.positioned([0: 9])
    #expect(Set(play.fetch?.targets.map(\.offset) ?? []) == [7, 9])
  }

  @Test func `it is woken for the next heartbeat, commit and end of session`() throws {
    var play = GroupConsumerPlay.settled([])
    #expect(play.consumer.wakeAtMs == play.nowMs + 45_000)
    play.heard([])
    #expect(play.consumer.wakeAtMs == play.nowMs + 3_000)
    play.pass(ms: 3_000)
    #expect(play.heartbeat != nil)
    #expect(play.consumer.wakeAtMs == play.nowMs + 45_000 - 3_000)
  }
}
