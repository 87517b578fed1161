import NIOCore
import NIOPosix
import Synchronization
import TailraceTestSupport

/// Stands between client and broker and does to connections what networks do: cuts them at random moments, within frames
/// too; swallows what one side sends before a cut; delays; goes silent for a while without closing (half-open); and where
/// it was told to, has what a client said over a connection that is gone arrive once more, over another and later.
final class ChaosProxy: Sendable {
  private struct State {
    var generator: SeededGenerator
    var isCalm = false
    var channels: [ObjectIdentifier: any Channel] = [:]
    var cuts = 0
    var silencesLeft: Int
    var repeats = 0
  }

  fileprivate enum Fate { case pass, cut(afterBytes: Int), swallow, delay(TimeAmount), silence }

  private let target: Int
  /// Something happens once in so many bytes, on average.
  private let bytesPerEvent: Int
  fileprivate let repeatsConnections: Bool
  private let state: Mutex<State>
  private let group = MultiThreadedEventLoopGroup.singleton
  private let listener = Mutex<(any Channel)?>(nil)

  private init(
    to target: Int, _ bytesPerEvent: Int, _ maxSilences: Int, _ repeatsConnections: Bool, _ generator: SeededGenerator
  ) {
    self.target = target
    self.bytesPerEvent = bytesPerEvent
    self.repeatsConnections = repeatsConnections
    state = Mutex(State(generator: generator, silencesLeft: maxSilences))
  }

  /// A proxy on a free port to `target` on this machine. `maxSilences`: connections that go silent, each of which costs a
  /// client the time until it gives up an answer.
  static func start(
    to target: Int, bytesPerEvent: Int, maxSilences: Int = .max, repeatsConnections: Bool = false,
    generator: SeededGenerator
  ) async throws -> ChaosProxy {
    let proxy = ChaosProxy(to: target, bytesPerEvent, maxSilences, repeatsConnections, generator)
    let channel = try await ServerBootstrap(group: proxy.group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.autoRead, value: false)
      // One piece for each `read`: they are passed on one after the other, whatever becomes of each.
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelInitializer { proxy.join($0) }
      .bind(host: "127.0.0.1", port: 0).get()
    proxy.listener.withLock { $0 = channel }
    return proxy
  }

  var port: Int { listener.withLock { $0?.localAddress?.port ?? 0 } }

  /// Connections that were cut, or went silent, so far.
  var cuts: Int { state.withLock { $0.cuts } }

  /// Connections that arrived once more.
  var repeats: Int { state.withLock { $0.repeats } }

  /// From now on nothing is done to connections.
  func calm() { state.withLock { $0.isCalm = true } }

  func stop() async {
    calm()
    let channels = state.withLock { $0.channels.values.map { $0 } }
    for channel in channels { channel.close(promise: nil) }
    try? await listener.withLock { $0 }?.close()
  }

  private func join(_ client: any Channel) -> EventLoopFuture<Void> {
    ClientBootstrap(group: client.eventLoop).channelOption(.autoRead, value: false)
      .channelOption(.maxMessagesPerRead, value: 1)
      .connect(host: "127.0.0.1", port: target)
      .flatMap { server in
        self.track(client)
        self.track(server)
        return client.pipeline.addHandler(Pipe(self, to: server, keepsAll: self.repeatsConnections)).and(
          server.pipeline.addHandler(Pipe(self, to: client))
        )
        .map { _ in
          server.read()
        }
      }
  }

  /// Says `bytes` to the server over a connection of its own, after a while, and hears nothing.
  fileprivate func sayAgain(_ bytes: ByteBuffer) {
    let delay: Int64? = state.withLock { state in
      guard !state.isCalm else { return nil }
      state.repeats += 1
      return Int64(state.generator.below(50))
    }
    guard let delay else { return }
    group.next().scheduleTask(in: .milliseconds(delay)) {
      ClientBootstrap(group: self.group).connect(host: "127.0.0.1", port: self.target).whenSuccess { server in
        self.track(server)
        server.writeAndFlush(bytes, promise: nil)
        server.eventLoop.scheduleTask(in: .milliseconds(200)) { server.close(promise: nil) }
      }
    }
  }

  private func track(_ channel: any Channel) {
    let id = ObjectIdentifier(channel)
    state.withLock { $0.channels[id] = channel }
    channel.closeFuture.whenComplete { _ in self.state.withLock { _ = $0.channels.removeValue(forKey: id) } }
  }

  fileprivate func fate(of byteCount: Int) -> Fate {
    state.withLock { state in
      guard !state.isCalm, state.generator.below(bytesPerEvent) < byteCount else { return .pass }
      let kind = state.generator.below(8)
      if kind < 2 { return .delay(.milliseconds(Int64(state.generator.below(20)))) }
      state.cuts += 1
      switch kind {
      case 2 where state.silencesLeft > 0:
        state.silencesLeft -= 1
        return .silence
      case 3, 4: return .swallow
      default: return .cut(afterBytes: state.generator.below(byteCount + 1))
      }
    }
  }
}

/// One direction of a connection. Isolation: the channel's event loop, which both directions share.
private final class Pipe: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer

  private let proxy: ChaosProxy
  private let other: any Channel
  private var isSilent = false
  /// All that was said so far, the first of it at least; nil where that is not kept.
  private var all: ByteBuffer?

  init(_ proxy: ChaosProxy, to other: any Channel, keepsAll: Bool = false) {
    self.proxy = proxy
    self.other = other
    all = keepsAll ? ByteBuffer() : nil
  }

  func channelActive(context: ChannelHandlerContext) { context.read() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    let channel = context.channel
    guard !isSilent else { return channel.read() }
    if (all?.readableBytes ?? .max) < 1 << 20 { all?.writeImmutableBuffer(bytes) }
    switch proxy.fate(of: bytes.readableBytes) {
    case .pass: pass(bytes, channel)
    case .delay(let time):
      context.eventLoop.scheduleTask(in: time) { self.pass(bytes, channel) }
    case .cut(let count):
      // What was on its way arrives in part.
      let part = bytes.getSlice(at: bytes.readerIndex, length: count) ?? ByteBuffer()
      other.writeAndFlush(part).whenComplete { _ in self.end(channel) }
    case .swallow: end(channel)
    case .silence:
      // Half open: nobody is told that the connection is dead. The client has to find out by itself.
      isSilent = true
      channel.read()
    }
  }

  private func pass(_ bytes: ByteBuffer, _ channel: any Channel) {
    other.writeAndFlush(bytes).whenComplete { _ in channel.read() }
  }

  private func end(_ channel: any Channel) {
    channel.close(promise: nil)
    other.close(promise: nil)
    if let all { proxy.sayAgain(all) }
    all = nil
  }

  func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
