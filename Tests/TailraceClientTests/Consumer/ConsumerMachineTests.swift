import NIOCore
import TailraceWire
import Testing

@testable import TailraceClient

private let first = TopicPartition("t", 0)
private let second = TopicPartition("t", 1)
private let lost = RPCError(.unavailable, "the connection was lost")

@Suite struct ConsumerMachineTests {
  @Test func `it joins, looks where to begin, tells users, then reads`() {
    var play = ConsumerPlay.member([])
    play.isQuick = false
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([0, 1], epoch: 2)))
    #expect(play.position?.message == ConsumerPlay.topics([0, 1]))
    play.answer(.position, .positioned([ConsumerPlay.point(0, at: 5), ConsumerPlay.point(1, at: 7)]))
    #expect(play.notices.map(\.partitions) == [[0, 1]])
    #expect(play.fetch == nil && play.opened.isEmpty)
    play.returnFrom(.assigned)
    #expect(play.opened == [0: 5, 1: 7])
    #expect(Set(play.fetch?.targets.map(\.offset) ?? []) == [5, 7])
  }

  @Test func `the broker may keep a heartbeat unless something is about to change`() {
    var play = ConsumerPlay.member([])
    #expect(play.heartbeat?.maxWaitMs == 3_000)
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([0], epoch: 2)))
    #expect(play.heartbeat?.maxWaitMs == 0)
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([0], epoch: 2)))
    play.isQuick = false
    play.answer(.position, .positioned([ConsumerPlay.point(0)]))
    // Users are still told of it: that is nothing the broker waits for.
    #expect(play.heartbeat?.owned == ConsumerPlay.topics([0]))
    #expect(play.heartbeat?.maxWaitMs == 3_000)
    play.returnFrom(.assigned)
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([0], epoch: 2)))
    #expect(play.heartbeat == nil)
    play.pass(ms: 3_000)
    #expect(play.heartbeat?.owned == ConsumerPlay.topics([0]))
    #expect(play.heartbeat?.maxWaitMs == 3_000)
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([])))
    play.pass(ms: 3_000)
    #expect(play.heartbeat?.owned == ConsumerPlay.topics([0]))
    #expect(play.heartbeat?.maxWaitMs == 0)
  }

  @Test func `a partition that goes is released, told of, committed, and only then let go`() {
    var play = ConsumerPlay.member([0, 1])
    play.isQuick = false
    play.processed = [0: 3, 1: 0]
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([1], epoch: 2)))
    #expect(play.revoked == [0])
    #expect(play.commit == nil && play.notices.last?.kind == .assigned)
    play.processed = [0: 4, 1: 0]
    play.release(0)
    #expect(play.notices.last?.kind == .revoked && play.commit == nil)
    play.returnFrom(.revoked)
    #expect(play.commit?.offsets.map(\.offset) == [4])
    #expect(play.heartbeat == nil || play.heartbeat?.owned == ConsumerPlay.topics([0, 1]))
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([1], epoch: 2)))
    play.answer(.commit, committed(play.commit))
    #expect(play.heartbeat?.owned == ConsumerPlay.topics([1]))
  }

  @Test func `one that comes back while it goes is begun anew`() {
    var play = ConsumerPlay.member([0])
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([], epoch: 2)))
    play.pass(ms: 3_000)
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([0], epoch: 3)))
    #expect(play.position == nil)
    play.release(0)
    #expect(play.position?.message == ConsumerPlay.topics([0]))
  }

  @Test func `one that is taken away while users are told that it came is released behind that`() {
    var play = ConsumerPlay.member([])
    play.isQuick = false
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([0], epoch: 2)))
    play.answer(.position, .positioned([ConsumerPlay.point(0)]))
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([], epoch: 3)))
    #expect(play.revoked.isEmpty)
    play.returnFrom(.assigned)
    #expect(play.revoked == [0])
    #expect(play.fetch == nil)
    play.release(0)
    play.returnFrom(.revoked)
    #expect(play.notices.map(\.kind) == [.assigned, .revoked])
  }

  @Test func `what is processed is committed at the interval, and what was committed is not again`() {
    var play = ConsumerPlay.member([0])
    play.processed = [0: 3]
    play.pass(ms: 999)
    #expect(play.commit == nil)
    play.pass(ms: 1)
    #expect(play.commit?.offsets.map(\.offset) == [3])
    play.answer(.commit, committed(play.commit))
    play.pass(ms: 1_000)
    #expect(play.commit == nil)
  }

  @Test func `where nothing is stored, the place it begins at is committed, but not by hand`() {
    for isManual in [false, true] {
      var play = ConsumerPlay.member([], manual: isManual)
      play.answer(.heartbeat, .heard(ConsumerPlay.heard([0], epoch: 2)))
      play.answer(.position, .positioned([ConsumerPlay.point(0, at: 42, isStored: false)]))
      play.processed = [0: 42]
      play.pass(ms: 1_000)
      #expect(play.commit?.offsets.map(\.offset) == (isManual ? nil : [42]))
    }
  }

  @Test func `whoever asks for a commit is told when it is stored, or why it is not`() {
    var play = ConsumerPlay.member([0, 1], manual: true)
    let stored = play.ask { $0.commit($1, [first: ReadPosition(offset: 3, epoch: 0)]) }
    #expect(play.commit?.offsets.map(\.offset) == [3])
    // Another waits for the next.
    let refused = play.ask { $0.commit($1, [second: ReadPosition(offset: 8, epoch: 0)]) }
    #expect(play.answers.isEmpty)
    play.answer(.commit, committed(play.commit))
    #expect(play.isDone(stored) && !play.answers.keys.contains(refused))
    // What may pass is tried again.
    play.answer(.commit, committed(play.commit, [PartitionError(code: .storageFull, message: "full")]))
    #expect(!play.answers.keys.contains(refused) && play.commit == nil)
    play.pass(ms: Backoff.maxMs)
    play.answer(.commit, committed(play.commit, [PartitionError(code: .missingKey, message: "no")]))
    #expect(play.answers[refused]??.code == .missingKey)
    let stranger = play.ask { $0.commit($1, [TopicPartition("t", 9): ReadPosition(offset: 8, epoch: 0)]) }
    #expect(play.answers[stranger]??.code == .notOwner)
    // What is stored already needs no call.
    let known = play.ask { $0.commit($1, [first: ReadPosition(offset: 3, epoch: 0)]) }
    #expect(play.isDone(known))
  }

  @Test func `a place that nobody has stored is stored where somebody asks for it, and elsewhere than it began, too`() {
    var play = ConsumerPlay.member([], manual: true)
    play.isQuick = false
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([0, 1], epoch: 2)))
    play.answer(
      .position, .positioned([ConsumerPlay.point(0, at: 42, isStored: false), ConsumerPlay.point(1, at: 10)]))
    // Users begin the second one elsewhere than where the group is.
    let moved = play.ask { $0.seek($1, second, to: .offset(500)) }
    #expect(play.isDone(moved))
    play.returnFrom(.assigned)
    let asked = play.ask {
      $0.commit($1, [first: ReadPosition(offset: 42, epoch: nil), second: ReadPosition(offset: 500, epoch: nil)])
    }
    #expect(!play.isDone(asked))
    #expect(play.commit?.offsets.map(\.offset) == [42, 500])
    play.answer(.commit, committed(play.commit))
    #expect(play.isDone(asked))
  }

  @Test func `who leaves says so again where the connection was lost meanwhile`() {
    var play = ConsumerPlay.member([])
    play.stop()
    play.fail(.leave, lost)
    #expect(!play.machine.hasEnded && play.leave == nil)
    play.pass(ms: Backoff.firstMs)
    #expect(play.isConnecting)
    play.connect()
    if play.heartbeat != nil { play.answer(.heartbeat, .heard(ConsumerPlay.heard([]))) }
    play.answer(.leave, .left)
    #expect(play.machine.hasEnded)
  }

  @Test(arguments: [ErrorCode.unknownMember, .fencedMember])
  func `out of the group, it tells users what is lost and joins again under its id`(code: ErrorCode) {
    var play = ConsumerPlay.member([0])
    let asked = play.ask { $0.commit($1, [first: ReadPosition(offset: 3, epoch: 0)]) }
    play.fail(.heartbeat, RPCError(.failedPrecondition, "out", error: code))
    #expect(play.notices.last?.kind == .lost && play.notices.last?.partitions == [0])
    #expect(play.fetch == nil && play.commit == nil && play.join == nil)
    #expect(play.answers[asked]??.code == .fencedMember)
    play.pass(ms: Backoff.firstMs)
    #expect(play.join?.memberID == "m")
    play.answer(.join, .joined(ConsumerPlay.joined([0])))
    play.answer(.position, .positioned([ConsumerPlay.point(0, at: 2)]))
    #expect(play.opened == [0: 2])
  }

  @Test(arguments: [ErrorCode.fencedMember, .unknownMember])
  func `a static member that is out ends where another one has its place`(code: ErrorCode) {
    var play = ConsumerPlay.member([0], instanceID: "i")
    play.fail(.heartbeat, RPCError(.failedPrecondition, "out", error: code))
    play.pass(ms: Backoff.firstMs)
    #expect(play.join == nil)
    play.answer(.describe, .described(group([("other", "j"), ("new", "i"), ("plain", nil)])))
    #expect(play.finished??.code == .fencedMember)
    #expect(
      play.finished??.message.contains("by another process with the same instance id, 'i': client-new at peer") == true)
    #expect(play.machine.hasEnded && play.leave == nil && play.join == nil)
  }

  @Test func `a static member that was paused past its session looks before it joins`() {
    var play = ConsumerPlay.member([0], instanceID: "i")
    play.pass(ms: 9_000)
    play.pass(ms: Backoff.firstMs)
    #expect(play.join == nil)
    play.answer(.describe, .described(group([("new", "i")])))
    #expect(play.finished??.code == .fencedMember)
  }

  @Test func `a static member whose place nobody has joins again`() {
    var play = ConsumerPlay.member([0], instanceID: "i")
    play.fail(.heartbeat, RPCError(.failedPrecondition, "out", error: .fencedMember))
    play.pass(ms: Backoff.firstMs)
    play.answer(.describe, .described(group([("m", "i"), ("other", "j")])))
    #expect(play.join?.memberID == "m")
    #expect(play.finished == nil)
  }

  @Test(arguments: [ErrorCode.unknownGroup, .limitReached])
  func `a static member joins a group that is not there, or too large to look at`(code: ErrorCode) {
    var play = ConsumerPlay.member([0], instanceID: "i")
    play.fail(.heartbeat, RPCError(.notFound, "out", error: .unknownMember))
    play.pass(ms: Backoff.firstMs)
    play.fail(.describe, RPCError(code == .limitReached ? .resourceExhausted : .notFound, "?", error: code))
    #expect(play.join?.memberID == "m")
  }

  @Test func `a static member looks once the broker is back`() {
    var play = ConsumerPlay.member([0], instanceID: "i")
    play.fail(.heartbeat, lost)
    play.pass(ms: 9_000)
    #expect(play.join == nil)
    play.connect()
    play.pass(ms: Backoff.firstMs)
    play.fail(.describe, lost)
    play.pass(ms: Backoff.maxMs)
    play.connect()
    play.answer(.describe, .described(group([])))
    #expect(play.join != nil)
  }

  private func group(_ members: [(id: String, instance: String?)]) -> DescribeGroupResponse {
    DescribeGroupResponse(
      members: members.map {
        MemberDescription(memberID: $0.id, instanceID: $0.instance, clientID: "client-\($0.id)", peer: "peer")
      })
  }

  @Test func `when the broker is not heard of for a session, it joins again`() {
    var play = ConsumerPlay.member([0])
    play.fail(.heartbeat, lost)
    play.pass(ms: 9_000)
    #expect(play.notices.last?.kind == .lost)
  }

  @Test func `over the next connection a heartbeat comes first, then all goes on from where it was`() throws {
    var play = ConsumerPlay.member([0])
    play.answer(.fetch, .fetched(FetchResponse(partitions: [try fetched(0, 0..<5)])))
    play.processed = [0: 5]
    play.fail(.fetch, lost)
    #expect(play.calls.isEmpty)
    play.pass(ms: Backoff.firstMs)
    #expect(play.isConnecting)
    play.connect()
    #expect(play.calls.values.map(\.kind) == [.heartbeat])
    #expect(play.heartbeat?.maxWaitMs == 0)
    play.answer(.heartbeat, .heard(ConsumerPlay.heard([0])))
    #expect(play.fetch?.targets.map(\.offset) == [5])
    play.pass(ms: 1_000)
    #expect(play.commit?.offsets.map(\.offset) == [5])
  }

  @Test func `what the broker has no room for is asked again, later`() {
    var play = ConsumerPlay.member([0])
    play.fail(.fetch, RPCError(.resourceExhausted, "too much"))
    #expect(play.fetch == nil && !play.isConnecting)
    play.pass(ms: Backoff.firstMs)
    #expect(play.fetch?.targets.map(\.offset) == [0])
  }

  @Test func `at the end it commits what was at work, then leaves`() {
    var play = ConsumerPlay.member([0])
    play.processed = [0: 3]
    play.stop()
    #expect(play.hasFinished && play.machine.reason == nil)
    #expect(play.fetch == nil && play.leave == nil && play.commit == nil)
    play.processed = [0: 4]
    play.release(0)
    #expect(play.commit?.offsets.map(\.offset) == [4])
    play.answer(.commit, committed(play.commit))
    #expect(play.leave?.memberID == "m")
    #expect(!play.machine.hasEnded)
    play.answer(.leave, .left)
    #expect(play.machine.hasEnded)
    #expect(play.machine.wakeAtMs == nil)
  }

  @Test func `the end waits no longer than it may`() {
    var play = ConsumerPlay.member([0])
    play.stop()
    play.pass(ms: 4_999)
    #expect(!play.machine.hasEnded)
    play.pass(ms: 1)
    #expect(play.machine.hasEnded && play.calls.isEmpty)
  }

  @Test func `who has asked to join waits for the answer before it ends, and leaves`() {
    var play = ConsumerPlay(ConsumerPlay.member([]).machine.settings)
    play.connect()
    play.stop()
    #expect(!play.machine.hasEnded)
    play.answer(.join, .joined(ConsumerPlay.joined([0])))
    #expect(play.position == nil)
    play.answer(.leave, .left)
    #expect(play.machine.hasEnded)
  }

  @Test func `of topics without a group all partitions are read, and those that are added`() {
    var play = ConsumerPlay(ConsumerMachine.Settings(source: .topics(["t"])))
    play.connect()
    #expect(play.join == nil)
    play.answer(.discover, .discovered(PartitionAssignment(ConsumerPlay.topics([0]))))
    play.answer(.position, .positioned([ConsumerPlay.point(0)]))
    #expect(play.opened == [0: 0])
    play.pass(ms: ConsumerMachine.refreshMs - 1)
    #expect(!play.isDiscovering)
    play.pass(ms: 1)
    play.answer(.discover, .discovered(PartitionAssignment(ConsumerPlay.topics([0, 1]))))
    play.answer(.position, .positioned([ConsumerPlay.point(1)]))
    #expect(play.opened == [0: 0, 1: 0])
    #expect(play.commit == nil)
  }
}

@Suite struct ConsumerMachineFetchTests {
  private func answer(_ play: inout ConsumerPlay, _ partitions: FetchedPartition...) {
    play.answer(.fetch, .fetched(FetchResponse(partitions: partitions)))
  }

  @Test func `a log that fell back is read on from where it fell back to, or from less where less was handed out`()
    throws
  {
    let truncated = PartitionError(code: .offsetTruncated, message: "fell back")
    for (processed, expected) in [(9, 4), (2, 2)] as [(Int64, Int64)] {
      var play = ConsumerPlay.member([0])
      answer(&play, try fetched(0, 0..<9))
      play.processed = [0: processed]
      answer(&play, try fetched(0, error: truncated, truncatedTo: 4))
      #expect(play.fetch?.targets.map(\.offset) == [expected])
      #expect(play.fetch?.targets.map(\.lastEpoch) == [nil])
    }
  }

  @Test func `what is out of range is read at the nearest place, at the start position, or not`() throws {
    let outOfRange = PartitionError(code: .offsetOutOfRange, message: "gone")
    for action in [OutOfRangeAction.nearest, .startPosition, .fail] {
      var play = ConsumerPlay.member([0]) {
        $0.outOfRange = action
        $0.start = .end
      }
      answer(&play, try fetched(0, end: 90, error: outOfRange, start: 40))
      switch action {
      case .nearest: #expect(play.fetch?.targets.map(\.offset) == [40])
      case .startPosition:
        #expect(play.lookUp?.position == .latest)
        play.answer(.lookUp, .found(90))
        #expect(play.fetch?.targets.map(\.offset) == [90])
      case .fail:
        #expect(play.failed[0]?.code == .offsetOutOfRange)
        #expect(play.fetch == nil)
      }
    }
  }

  @Test func `damage is told behind what is whole, and the partition is fetched no more`() throws {
    var play = ConsumerPlay.member([0, 1])
    var damaged = try fetched(0, 0..<3)
    damaged.batches[2].headerCRC32C ^= 1
    answer(&play, damaged, try fetched(1, 0..<1))
    #expect(play.delivered == [0: [0..<1, 1..<2], 1: [0..<1]])
    #expect(play.failed[0]?.code == .dataLoss)
    #expect(play.fetch?.targets.map(\.partition) == [1])
  }

  @Test func `a topic that is gone is given up by a member, and an error to whoever reads alone`() throws {
    let gone = PartitionError(code: .unknownTopicID, message: "another")
    var member = ConsumerPlay.member([0])
    answer(&member, try fetched(0, error: gone))
    #expect(member.failed.isEmpty && member.notices.last?.kind == .lost)
    member.pass(ms: ConsumerMachine.retryMs)
    #expect(member.position?.message == ConsumerPlay.topics([0]))
    var alone = ConsumerPlay(ConsumerMachine.Settings(source: .topics(["t"])))
    alone.connect()
    alone.answer(.discover, .discovered(PartitionAssignment(ConsumerPlay.topics([0]))))
    alone.answer(.position, .positioned([ConsumerPlay.point(0)]))
    answer(&alone, try fetched(0, error: gone))
    #expect(alone.failed[0]?.code == .unknownTopicID)
  }

  @Test func `a seek forgets what was asked before it`() throws {
    var play = ConsumerPlay.member([0])
    let before = try #require(play.calls.first { $0.value.kind == .fetch }?.key)
    let asked = play.ask { $0.seek($1, first, to: .offset(70)) }
    #expect(play.isDone(asked))
    #expect(
      play.calls.values.contains { if case .fetch(let request) = $0 { request.targets[0].offset == 70 } else { false } }
    )
    play.machine.take(before, .success(.fetched(FetchResponse(partitions: [try fetched(0, 0..<5)]))), nowMs: 0)
    play.advance()
    #expect(play.delivered.isEmpty)
  }

  @Test func `a seek that finds no place says so, and the partition is read on`() {
    var play = ConsumerPlay.member([0])
    let asked = play.ask { $0.seek($1, first, to: .end) }
    play.fail(.lookUp, RPCError(.failedPrecondition, "no", error: .dataLoss))
    #expect(play.answers[asked]??.code == .dataLoss)
    #expect(play.fetch?.targets.map(\.offset) == [0])
  }
}
