import Logging
import NIOCore
import NIOEmbedded
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

/// What an event loop reads past its channels.
@Suite(.timeLimit(.minutes(15))) struct LoopSocketsTests {
  /// Reads what a socket has.
  private final class Reader: DirectReader, @unchecked Sendable {
    let turn = LoopTurn(eventLoop: EmbeddedEventLoop(), dispatcher: FakeDispatcher.standard())
    let isOpen = true
    let isInTurn = false
    var isTurnAwaited = false
    var texts: [String] = []
    private let descriptor: CInt

    init(_ descriptor: CInt) { self.descriptor = descriptor }

    func beginTurn(at now: NIODeadline) -> CallOffer? { nil }
    func endTurn() {}

    func readDirectly(into buffer: inout ByteBuffer, at now: NIODeadline) -> Bool {
      buffer.clear(minimumCapacity: 100)
      let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 100) { room in
        max(0, recv(descriptor, room.baseAddress, 100, CInt(MSG_DONTWAIT)))
      }
      if count > 0 { texts.append(String(buffer: buffer)) }
      return count > 0
    }
  }

  /// Sockets that are looked at, and their other ends.
  private final class Pairs {
    let near: [CInt]
    let far: [CInt]

    init(_ count: Int) throws {
      var pairs: [[CInt]] = []
      for _ in 0..<count {
        var ends: [CInt] = [-1, -1]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        pairs.append(ends)
      }
      near = pairs.map { $0[0] }
      far = pairs.map { $0[1] }
    }

    deinit { for end in near + far { close(end) } }

    func deliver(_ text: String, to index: Int) {
      let bytes = Array(text.utf8)
      #expect(bytes.withUnsafeBytes { send(far[index], $0.baseAddress, $0.count, 0) } == bytes.count)
    }
  }

  /// A look, and what the readers of it have read. Whether all that was found was read.
  private func read(_ sockets: LoopSockets) -> (isReady: Bool, isAll: Bool, readers: [ObjectIdentifier]) {
    let isReady = sockets.look()
    var readers: [ObjectIdentifier] = []
    let isAll = sockets.read(at: .now()) { readers.append(ObjectIdentifier($0)) }
    return (isReady, isAll, readers)
  }

  @Test func `what has a reader is read by it, and all else is left to the loop`() throws {
    let (sockets, pairs) = (try LoopSockets(), try Pairs(3))
    sockets.watch(pairs.near[0])
    // As connections are, before it is known what they speak.
    for near in pairs.near[1...] { sockets.watch(near) }
    let readers = pairs.near[1...].map(Reader.init)
    for reader in 0..<2 { _ = sockets.watch(pairs.near[reader + 1], for: readers[reader]) }
    #expect(read(sockets) == (false, false, []))

    pairs.deliver("a", to: 1)
    pairs.deliver("b", to: 2)
    let both = read(sockets)
    #expect(both.isReady && both.isAll)
    #expect(Set(both.readers) == Set(readers.map { ObjectIdentifier($0) }))
    #expect(readers.map(\.texts) == [["a"], ["b"]])

    pairs.deliver("nobody's", to: 0)
    pairs.deliver("c", to: 2)
    #expect(read(sockets) == (true, false, [ObjectIdentifier(readers[1])]))
    #expect(readers.map(\.texts) == [["a"], ["b", "c"]])
  }

  @Test func `the end of a stream is left to the loop, and so is what has no reader any more`() throws {
    let (sockets, pairs) = (try LoopSockets(), try Pairs(2))
    let readers = pairs.near.map(Reader.init)
    let names = (0..<2).map { sockets.watch(pairs.near[$0], for: readers[$0]) }
    #expect(Set(names).count == 2)
    sockets.forget(names[0])
    pairs.deliver("a", to: 0)
    #expect(read(sockets) == (true, false, []))
    // The name is another one's now.
    let last = Reader(pairs.near[0])
    #expect(sockets.watch(pairs.near[0], for: last) == names[0])
    #expect(read(sockets) == (true, true, [ObjectIdentifier(last)]))
    #expect(last.texts == ["a"] && readers.allSatisfy(\.texts.isEmpty))
    shutdown(pairs.far[1], CInt(SHUT_WR))
    #expect(read(sockets) == (true, false, []))
  }

  @Test func `more than are found at a time are found in the end`() throws {
    let (sockets, pairs) = (try LoopSockets(), try Pairs(ReadySet.most + 10))
    let readers = pairs.near.map(Reader.init)
    for (index, reader) in readers.enumerated() {
      _ = sockets.watch(pairs.near[index], for: reader)
      pairs.deliver("\(index)", to: index)
    }
    #expect(read(sockets).readers.count == ReadySet.most)
    #expect(read(sockets).readers.count == 10)
    #expect(readers.enumerated().allSatisfy { $0.element.texts == ["\($0.offset)"] })
  }

  @Test func `where a look was in vain, the next ones are put off by more and more turns`() {
    var habit = LookHabit()
    /// Turns up to the next look, which is included.
    func next() -> Int {
      var count = 1
      while !habit.isDue { count += 1 }
      return count
    }
    #expect(next() == 1)
    var waits: [Int] = []
    for _ in 0..<8 {
      habit.note(false)
      waits.append(next())
    }
    #expect(waits == [2, 4, 8, 16, 32, 64, 64, 64])
    habit.note(true)
    #expect(next() == 1)
  }

  /// Begins to read, and counts what a channel reads.
  private final class ReadCounter: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    let count = Atomic<Int>(0)

    func channelActive(context: ChannelHandlerContext) {
      context.fireChannelActive()
      context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      count.add(1, ordering: .relaxed)
      context.fireChannelRead(data)
    }
  }

  /// Has the next of `requests` sent with each that it takes, before it is answered. A task that it leaves is to be done
  /// before its next dispatch.
  private final class Chain: RequestDispatcher {
    /// Of an endless one, until a call says "end".
    static let most = 100_000

    private let requests: [ByteBuffer]
    private let isEndless: Bool
    private let sentCount = Atomic<Int>(1)
    private let taskCount = Atomic<Int>(0)
    private let isOver = Atomic<Bool>(false)
    let client = Mutex<CInt>(-1)
    /// What the task does.
    let behind = Mutex<@Sendable () -> Void>({})

    init(_ requests: [ByteBuffer], isEndless: Bool = false) {
      self.requests = requests
      self.isEndless = isEndless
    }

    var callCount: Int { sentCount.load(ordering: .relaxed) - 1 }

    private func next(_ number: Int) -> ByteBuffer? {
      guard isEndless else { return number < requests.count ? requests[number] : nil }
      return number < Self.most && !isOver.load(ordering: .relaxed) ? requests[number % requests.count] : nil
    }

    func dispatch(_ offers: [CallOffer]) {
      // With another connection two turns may be of one pass of the loop.
      if !isEndless { #expect(taskCount.load(ordering: .relaxed) == callCount) }
      for offer in offers {
        while let call = offer.calls.popFirst() {
          let next = sentCount.add(1, ordering: .relaxed).oldValue
          offer.connection.eventLoop.execute {
            self.taskCount.add(1, ordering: .relaxed)
            self.behind.withLock { $0 }()
          }
          if String(buffer: call.message) == "end" { isOver.store(true, ordering: .relaxed) }
          if let request = self.next(next) {
            request.withUnsafeReadableBytes { bytes in
              #expect(send(client.withLock { $0 }, bytes.baseAddress, bytes.count, 0) == bytes.count)
            }
          }
          offer.connection.respond(.message(call.message), to: call.id)
        }
      }
    }

    func abandon(_ call: CallID, from connection: any CallConnection) {}
    func inputEnded(on connection: any CallConnection) {}
    func connectionClosed(_ connection: any CallConnection) {}
  }

  /// Serves the native door without prefaces.
  private func serve(
    _ dispatcher: any RequestDispatcher, _ reads: ReadCounter, _ turn: LoopTurn, _ group: any EventLoopGroup,
    _ note: @escaping @Sendable (any Channel) -> Void = { _ in }
  ) async throws -> any Channel {
    let environment = ConnectionEnvironment(
      dispatcher: dispatcher, budget: MemoryBudget(limitBytes: 512 << 20),
      logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    return try await ServerBootstrap(group: group)
      .childChannelOption(.autoRead, value: false)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelInitializer { channel in
        note(channel)
        return channel.eventLoop.makeCompletedFuture {
          turn.watch(channel)
          let handler = NativeConnectionHandler(eventLoop: channel.eventLoop, environment: environment, turn: turn)
          try channel.pipeline.syncOperations.addHandlers([reads, handler])
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  /// Takes part in turns, and does nothing.
  private final class Bystander: TurnMember, @unchecked Sendable {
    let turn: LoopTurn
    let isOpen = true
    let isInTurn = false
    var isTurnAwaited = false

    init(_ turn: LoopTurn) { self.turn = turn }

    func beginTurn(at now: NIODeadline) -> CallOffer? {
      isTurnAwaited = false
      return nil
    }

    func endTurn() {}
  }

  @Test func `calls that follow at once and leave turns behind do not keep the loop from its other sockets`()
    async throws
  {
    let (chain, reads) = (Chain([try call(1, .adminServicePing, "again and again")], isEndless: true), ReadCounter())
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let turn = LoopTurn(eventLoop: group.next(), dispatcher: chain, length: .seconds(10), sockets: try LoopSockets())
    let bystander = Bystander(turn)
    chain.behind.withLock { $0 = { bystander.awaitTurn() } }
    let server = try await serve(chain, reads, turn, group)
    let socket = try RawSocket(port: try #require(server.localAddress?.port))
    chain.client.withLock { $0 = socket.descriptor }
    try socket.write(try call(1, .adminServicePing, "again and again"))
    _ = try socket.nextAnswer()
    // Its connection is taken by the loop itself.
    let other = try RawSocket(port: try #require(server.localAddress?.port))
    try other.write(try call(1, .adminServicePing, "end"))
    #expect(try other.nextAnswer().text == "end")
    #expect(chain.callCount < Chain.most)
    try await server.close().get()
    try await group.shutdownGracefully()
  }

  @Test func `calls that follow at once are read past the channel, large ones and the end of the stream through it`()
    async throws
  {
    // Each tenth is more than is read at a time there.
    let texts = (1...200).map { $0 % 10 == 0 ? String(repeating: "\($0) ", count: 8_000) : "\($0)" }
    let requests = try texts.enumerated().map { try call(UInt64($0.offset + 1), .adminServicePing, $0.element) }
    let (chain, reads) = (Chain(requests), ReadCounter())
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    // No pause, however long, makes the loop look itself.
    let turn = LoopTurn(
      eventLoop: group.next(), dispatcher: chain, length: .seconds(10), sockets: try LoopSockets(),
      lookLength: .hours(1))
    let closed = group.next().makePromise(of: Void.self)
    let server = try await serve(chain, reads, turn, group) { $0.closeFuture.cascade(to: closed) }
    let socket = try RawSocket(port: try #require(server.localAddress?.port))
    chain.client.withLock { $0 = socket.descriptor }
    try socket.write(requests[0])
    for (index, text) in texts.enumerated() {
      let answer = try socket.nextAnswer()
      #expect(answer.id == UInt64(index + 1) && answer.text == text)
    }
    // Behind each that came through the channel at least one did not; of the large ones the channel has the rest.
    #expect(reads.count.load(ordering: .relaxed) <= texts.count / 2 + texts.count / 10 * 4)
    socket.shutDownOutput()
    try await closed.futureResult.get()
    try await server.close().get()
    try await group.shutdownGracefully()
  }
}
