import NIOCore
import NIOPosix
import Synchronization
import Testing
@testable import TailraceTransport

/// What is done on a loop once it has looked at its sockets again.
@Suite(.timeLimit(.minutes(15))) struct LoopYieldTests {
  private final class Tally: Sendable {
    private let value = Mutex(0)

    var count: Int { value.withLock { $0 } }

    @discardableResult
    func add() -> Int {
      value.withLock { value in
        value += 1
        return value
      }
    }

    func raise(to count: Int) { value.withLock { $0 = max($0, count) } }
  }

  /// Counts what comes in.
  private final class Counter: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    let byteCount = Atomic<Int>(0)

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      byteCount.add(unwrapInboundIn(data).readableBytes, ordering: .relaxed)
    }
  }

  /// Runs `body` with a loop that yields; `onRun` is called there each time, with the yield and how often it was called.
  private func withYield(
    _ onRun: @escaping @Sendable (LoopYield, Int) -> Void = { _, _ in },
    _ body: (any EventLoop, LoopYield, Tally) async throws -> Void
  ) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let isOver = Tally()
    do {
      let loop = group.next()
      let yield = try await LoopYield.make(on: loop)
      let runs = Tally()
      try await loop.submit {
        yield.body = { [unowned yield] in
          if isOver.count == 0 { onRun(yield, runs.add()) }
        }
      }.get()
      try await body(loop, yield, runs)
      isOver.add()
      try await group.shutdownGracefully()
    } catch {
      isOver.add()
      try? await group.shutdownGracefully()
      throw error
    }
  }

  /// Returns as soon as `isSo` holds, and throws where it does not within 20 s.
  private func eventually(_ isSo: () -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(20)
    while !isSo() {
      if ContinuousClock.now > end { throw CancellationError() }
      await Task.yield()
    }
  }

  @Test func `a loop's turn goes with it`() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    weak var turn: LoopTurn?
    do {
      let loop = group.next()
      let yield = try await LoopYield.make(on: loop)
      let made = LoopTurn(eventLoop: loop, dispatcher: FakeDispatcher.standard(), length: .seconds(1), yield: yield)
      turn = made
    }
    #expect(turn != nil)
    try await group.shutdownGracefully()
    #expect(turn == nil)
  }

  @Test func `each time it is asked for, it is done once`() async throws {
    try await withYield { loop, yield, runs in
      for count in 1...100 {
        yield.ask()
        try await eventually { runs.count == count }
      }
      // All that the loop had to do by then.
      for _ in 0..<5 { try await loop.submit {}.get() }
      #expect(runs.count == 100)
    }
  }

  @Test func `asked for several times before it is done, on the loop, it is done once`() async throws {
    try await withYield { loop, yield, runs in
      for count in 1...20 {
        try await loop.submit {
          for _ in 0..<50 { yield.ask() }
          #expect(runs.count == count - 1)
        }.get()
        try await eventually { runs.count == count }
      }
      for _ in 0..<5 { try await loop.submit {}.get() }
      #expect(runs.count == 20)
    }
  }

  @Test func `it is done off the tasks, behind all that are due`() async throws {
    try await withYield { loop, yield, runs in
      let counts = try await loop.submit {
        yield.ask()
        // A task of a task of a task, all due now.
        return loop.submit { loop.submit { loop.submit { runs.count } }.flatMap { $0 } }.flatMap { $0 }
      }.flatMap { $0 }.get()
      #expect(counts == 0)
      try await eventually { runs.count == 1 }
    }
  }

  @Test func `asked for by many threads it is done after the last of them, and no more often than asked for`()
    async throws
  {
    let (done, seen) = (Tally(), Tally())
    try await withYield({ _, _ in seen.raise(to: done.count) }) { _, yield, runs in
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<8 {
          group.addTask {
            for _ in 0..<500 {
              done.add()
              yield.ask()
            }
          }
        }
      }
      try await eventually { seen.count == 4_000 }
      #expect(runs.count <= 4_000)
    }
  }

  @Test func `sockets that are ready are served between two rounds of what asks for itself each time`() async throws {
    let counter = Counter()
    try await withYield({ yield, _ in yield.ask() }) { loop, yield, runs in
      let server = try await ServerBootstrap(group: loop)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(counter) }
        }
        .bind(host: "127.0.0.1", port: 0).get()
      let others = MultiThreadedEventLoopGroup(numberOfThreads: 1)
      let client = try await ClientBootstrap(group: others)
        .connect(host: "127.0.0.1", port: server.localAddress?.port ?? 0).get()
      yield.ask()
      for count in 1...50 {
        try await client.writeAndFlush(ByteBuffer(integer: 1 as UInt8)).get()
        try await eventually { counter.byteCount.load(ordering: .relaxed) == count }
      }
      // It has gone on meanwhile, and tasks were not kept waiting either.
      let before = runs.count
      try await eventually { runs.count > before }
      try await loop.submit {}.get()
      try await client.close().get()
      try await others.shutdownGracefully()
    }
  }
}
