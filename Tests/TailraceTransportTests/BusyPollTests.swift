import NIOCore
import NIOPosix
import Synchronization
import TailraceWire
import Testing
@testable import TailraceTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// How a loop looks for more before it sleeps.
@Suite(.timeLimit(.minutes(15))) struct BusyPollTests {
  /// Longer than any of these tests takes, where they go well: on busy cores a thread waits long for its turn.
  private static let long = TimeAmount.minutes(10)
  /// Any two turns are close.
  private static let anyTurns = TurnRhythm(closeness: .hours(100_000))

  @Test func `sixteen turns close behind one another, and the next one is expected; a late one, and it is not`() {
    var rhythm = TurnRhythm(closeness: .microseconds(100))
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    func turns(_ count: Int, every interval: TimeAmount) {
      for _ in 0..<count {
        now = now + interval
        rhythm.note(now)
      }
    }
    turns(16, every: .microseconds(100))
    #expect(!rhythm.isClose, "the first one was not close")
    turns(1, every: .microseconds(100))
    #expect(rhythm.isClose)
    turns(1, every: .microseconds(101))
    #expect(!rhythm.isClose)
    turns(15, every: .microseconds(1))
    #expect(!rhythm.isClose)
    turns(1, every: .microseconds(1))
    #expect(rhythm.isClose)
    rhythm.reset()
    #expect(!rhythm.isClose)
  }

  @Test func `an answer that is due from the disk may come eight times as late`() throws {
    var rhythm = TurnRhythm(closeness: .microseconds(100))
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    // Calls whose answers take 800 us, and clients that take 100 us for the next one.
    func calls(_ count: Int, _ interval: TimeAmount) {
      for _ in 0..<count {
        now = now + .microseconds(100)
        rhythm.note(now, patience: 8)
        now = now + interval
        rhythm.note(now)
      }
    }
    calls(16, .microseconds(800))
    #expect(rhythm.isClose)
    calls(1, .microseconds(801))
    #expect(!rhythm.isClose)
    let poll = BusyPoll(
      try LoopSockets(), length: .milliseconds(20), cores: PollingCores(coreCount: 2), rhythm: Self.anyTurns)
    let begin = NIODeadline.now()
    #expect(!poll.isWorthwhile(afterTurnAt: begin, of: 1, expectingAnswer: true))
    #expect(!poll.run())
    #expect(NIODeadline.now() - begin >= .milliseconds(160))
  }

  @Test func `half of the cores look at a time, and of one core none`() {
    let four = PollingCores(coreCount: 4)
    #expect([four.enter(), four.enter(), four.enter()] == [true, true, false])
    four.leave()
    #expect([four.enter(), four.enter()] == [true, false])
    let one = PollingCores(coreCount: 1)
    #expect(!one.enter())
    let five = PollingCores(coreCount: 5)
    #expect([five.enter(), five.enter(), five.enter()] == [true, true, false])
  }

  /// Runs `body` with two sockets: what is sent to one is to be read from the other.
  private func withSockets(_ body: (_ near: CInt, _ far: CInt) throws -> Void) throws {
    var ends: [CInt] = [-1, -1]
    try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
    defer { for end in ends { close(end) } }
    try body(ends[0], ends[1])
  }

  @Test func `a look ends when there is something to read, and in vain after its time`() throws {
    let cores = PollingCores(coreCount: 2)
    try withSockets { near, far in
      let sockets = try LoopSockets()
      sockets.watch(near)
      let brief = BusyPoll(sockets, length: .milliseconds(1), cores: cores, rhythm: Self.anyTurns)
      for turn in 1...17 {
        #expect(brief.isWorthwhile(afterTurnAt: .uptimeNanoseconds(UInt64(turn)), of: 1) == (turn > 15))
      }
      #expect(!brief.isWorthwhile(afterTurnAt: .uptimeNanoseconds(18), of: 2), "others have something to do")
      #expect(!brief.run())
      #expect(!brief.isWorthwhile(afterTurnAt: .uptimeNanoseconds(19), of: 1), "it has looked in vain")
      let lasting = BusyPoll(sockets, length: Self.long, cores: cores)
      #expect(send(far, [1], 1, 0) == 1)
      #expect(lasting.run())
    }
  }

  @Test func `where all cores that may look do, a loop does not`() throws {
    let cores = PollingCores(coreCount: 2)
    let poll = BusyPoll(try LoopSockets(), length: Self.long, cores: cores)
    #expect(cores.enter())
    #expect(!poll.run())
    cores.leave()
  }

  /// Takes part in turns, and counts them.
  private final class Member: TurnMember, @unchecked Sendable {
    let turn: LoopTurn
    let isInTurn = false
    var isTurnAwaited = false
    let turnCount = Atomic<Int>(0)
    /// A task that is given behind the last turn before a look.
    let isTaskDone = Atomic<Bool>(false)
    let isClosed = Atomic<Bool>(false)

    /// What happens behind that turn, before the look.
    var atLastTurn: @Sendable () -> Void = {}
    private let loop: any EventLoop

    init(_ turn: LoopTurn, _ loop: any EventLoop) {
      self.turn = turn
      self.loop = loop
    }

    var turns: Int { turnCount.load(ordering: .relaxed) }
    var hasDoneTask: Bool { isTaskDone.load(ordering: .relaxed) }
    var isOpen: Bool { !isClosed.load(ordering: .relaxed) }

    func beginTurn(at now: NIODeadline) -> CallOffer? {
      isTurnAwaited = false
      turnCount.add(1, ordering: .relaxed)
      return nil
    }

    func endTurn() {
      guard turnCount.load(ordering: .relaxed) == TurnRhythm.steadiness else { return }
      loop.execute {
        self.atLastTurn()
        self.loop.execute { self.isTaskDone.store(true, ordering: .relaxed) }
      }
    }
  }

  /// Says when something comes in.
  private final class Reader: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    let isRead: EventLoopPromise<Void>

    init(_ isRead: EventLoopPromise<Void>) { self.isRead = isRead }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { isRead.succeed() }
  }

  /// Runs `body` with a member of the turns of a loop that looks for ten minutes behind each, once `look` was called. No
  /// look may have been in vain.
  ///
  /// - Parameter cores: Counts the looks under way.
  private func withLookingLoop(
    cores: PollingCores = PollingCores(coreCount: 2),
    _ body: (_ group: any EventLoopGroup, _ member: Member, _ look: () async throws -> Void) async throws -> Void
  ) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let yield = try await LoopYield.make(on: loop)
    let sockets = try LoopSockets()
    let poll = BusyPoll(sockets, length: Self.long, cores: cores, rhythm: Self.anyTurns)
    let turn = LoopTurn(
      eventLoop: loop, dispatcher: FakeDispatcher.standard(), length: .seconds(1), yield: yield, sockets: sockets,
      busyPoll: poll)
    let member = Member(turn, loop)
    try await body(group, member) {
      // Not with futures: what they have the loop do waits until a look is over.
      for count in 1...TurnRhythm.steadiness {
        loop.execute { member.work() }
        while member.turns < count { await Task.yield() }
      }
    }
    // Behind a turn that nobody takes part in there is no look.
    member.isClosed.store(true, ordering: .relaxed)
    member.turn.addFromOutside(member)
    nonisolated(unsafe) let watched = poll  // on its loop
    let isStillClose = try await loop.submit { watched.isWorthwhile(afterTurnAt: .now(), of: 1) }.get()
    #expect(isStillClose, "a look in vain makes a loop forget how close its turns were")
    try await group.shutdownGracefully()
  }

  @Test func `an answer from another thread ends a look, and no task is done before`() async throws {
    let cores = PollingCores(coreCount: 2)
    try await withLookingLoop(cores: cores) { _, member, look in
      try await look()
      // Where there is no look the task is done.
      while cores.count.load(ordering: .relaxed) == 0, !member.hasDoneTask { await Task.yield() }
      #expect(!member.hasDoneTask)
      let before = member.turns
      member.turn.addFromOutside(member)
      while member.turns == before { await Task.yield() }
    }
  }

  @Test func `there is no look where others have read behind the turn, or output waits for room`() async throws {
    for isHeldBack in [false, true] {
      try await withLookingLoop { group, member, look in
        let turn = member.turn
        if isHeldBack { try await group.next().submit { turn.noteHeldBack(true) }.get() }
        let other = Member(turn, group.next())
        member.atLastTurn = { if !isHeldBack { other.awaitTurn() } }
        try await look()
        while !member.hasDoneTask { await Task.yield() }
        if !isHeldBack { #expect(other.turns == 1) }
      }
    }
  }

  @Test func `what comes on a connection ends a look`() async throws {
    try await withLookingLoop { group, member, look in
      let others = MultiThreadedEventLoopGroup.singleton
      let (isRead, isThere) = (others.next().makePromise(of: Void.self), others.next().makePromise(of: Void.self))
      let server = try await ServerBootstrap(group: group)
        .childChannelInitializer { channel in
          member.turn.watch(channel)
          isThere.succeed()
          return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Reader(isRead))
          }
        }
        .bind(host: "127.0.0.1", port: 0).get()
      let client = try await ClientBootstrap(group: others).connect(to: try #require(server.localAddress)).get()
      try await isThere.futureResult.get()
      try await look()
      client.writeAndFlush(ByteBuffer(integer: 1 as UInt8), promise: nil)
      try await isRead.futureResult.get()
      try await client.close().get()
    }
  }
}
