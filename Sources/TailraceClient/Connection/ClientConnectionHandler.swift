#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import NIOCore
internal import Synchronization
internal import TailraceWire

/// The client's side of one connection of the native door.
///
/// As on the server: the only handler of its pipeline; requests that are made together leave in one write, and all
/// frames of a read are taken apart where they lie.
///
/// Isolation: the channel's event loop, but for `submit`, which may be called from anywhere.
///
/// `@unchecked Sendable`: all mutable state but the inbox, which has a lock, is touched on the event loop only.
final class ClientConnectionHandler: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  struct Pending {
    let completion: @Sendable (Result<ByteBuffer, RPCError>) -> Void
    let onMessage: (@Sendable (ByteBuffer) -> Void)?
    let onMetadata: (@Sendable ([Metadata]) -> Void)?
    let deadline: NIODeadline
    let sentAt: NIODeadline
  }

  enum Phase {
    case awaitingPreface
    case open
    case closed
  }

  let eventLoop: any EventLoop
  let configuration: ConnectionConfiguration
  /// "127.0.0.1:7171", for errors.
  let server: String
  private let inbox = Mutex<[Command]>([])
  /// Succeeds once the server's preface is there; fails where it never comes.
  let isReady: EventLoopFuture<Void>

  // Event loop only, from here on.
  var context: ChannelHandlerContext?
  var phase = Phase.awaitingPreface
  /// Completed once the server's preface is there.
  var ready: EventLoopPromise<Void>?
  var prefaceTimer: Scheduled<Void>?
  var preface = ByteBuffer()
  var decoder: FrameDecoder
  let encoder: FrameEncoder
  let arena: Arena
  /// Calls on the wire. Where nobody waits for the answer any more the value is nil: the server still works on it.
  var inFlight: [UInt64: Pending?] = [:]
  /// Calls that wait for others to be answered, and the bytes of their messages.
  var waiting = CircularBuffer<OutboundCall>()
  var waitingBytes = 0
  var unsentBytes = 0
  var output = ByteBuffer()
  var deadlineTimer: Scheduled<Void>?
  var deadlineTimerAt = NIODeadline.distantFuture
  /// Bytes that the kernel gathers before it tells that there are some.
  var awaitedBytes = 1
  var receivedAt = NIODeadline.uptimeNanoseconds(0)
  /// No call is sent before this: the server asked for it.
  var throttledUntil = NIODeadline.uptimeNanoseconds(0)
  /// Closes once every call is answered.
  var isRetiring = false
  var onEvent: (@Sendable (ConnectionEvent) -> Void)?
  /// Why the connection ends, as far as it is known before it does.
  var reason: RPCError?

  init(
    eventLoop: any EventLoop, configuration: ConnectionConfiguration, server: String,
    onEvent: @escaping @Sendable (ConnectionEvent) -> Void
  ) {
    self.eventLoop = eventLoop
    self.configuration = configuration
    self.server = server
    let ready = eventLoop.makePromise(of: Void.self)
    self.ready = ready
    isReady = ready.futureResult
    self.onEvent = onEvent
    self.decoder = FrameDecoder(limits: configuration.frame, maxSpares: spareFrames)
    let arena = Arena(initialBytes: 1024, limitBytes: 256 << 10)
    self.arena = arena
    self.encoder = FrameEncoder(limits: configuration.frame, arena: arena)
  }

  // MARK: From other threads

  /// Hands a command over. Those of other threads that come together are carried out together. Thread-safe.
  func submit(_ command: Command) {
    let isFirst = inbox.withLock { inbox in
      inbox.append(command)
      return inbox.count == 1
    }
    if isFirst { eventLoop.execute { self.takeInbox() } }
  }

  private func takeInbox() {
    let commands = inbox.withLock { inbox in
      defer { inbox = [] }
      return inbox
    }
    for command in commands {
      switch command {
      case .call(let call): accept(call)
      case .cancel(let id): cancel(id)
      case .grant(let id, let bytes): grant(id, bytes)
      case .retire: isRetiring = true
      }
    }
    flush()
    closeIfRetired()
  }

  // MARK: ChannelInboundHandler

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { start(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    start(context)
  }

  private func start(_ context: ChannelHandlerContext) {
    guard prefaceTimer == nil else { return }
    var bytes = ByteBuffer()
    ClientPreface().write(to: &bytes)
    context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    prefaceTimer = eventLoop.scheduleTask(in: configuration.connectTimeout) {
      self.fail(RPCError(.unavailable, "\(self.server) accepted the connection and then said nothing"))
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    receivedAt = eventLoop.now
    if phase == .awaitingPreface {
      preface.writeBuffer(&bytes)
      guard takePreface() else { return }
      bytes = preface
      preface = ByteBuffer()
    }
    guard phase == .open else { return }
    decoder.receive(bytes)
    do throws(FrameError) {
      while let frame = try decoder.next() { try take(frame) }
    } catch {
      fail(RPCError(.unavailable, "\(server) sent what is no answer: \(error)"))
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    awaitMuch(context)
    flush()
    closeIfRetired()
  }

  /// Of a large answer the kernel is to gather a good part before it wakes this thread: to wake for each few kilobytes
  /// costs both sides more than the bytes do.
  private func awaitMuch(_ context: ChannelHandlerContext) {
    wait(for: decoder.missingBytes < gatheredBytes ? 1 : gatheredBytes, context)
  }

  func wait(for byteCount: Int, _ context: ChannelHandlerContext) {
    guard byteCount != awaitedBytes else { return }
    awaitedBytes = byteCount
    try? context.channel.syncOptions?.setOption(
      .socketOption(NIOBSDSocket.Option(rawValue: SO_RCVLOWAT)), value: byteCount)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail(RPCError(.unavailable, "the connection to \(server) failed: \(ConnectError.words(error))"))
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    finish()
    self.context = nil
  }

  // MARK: Preface

  /// True once the server's preface is there and suits us.
  private func takePreface() -> Bool {
    do throws(FrameError) {
      let isFrame = preface.getInteger(at: preface.readerIndex, as: UInt32.self).map { $0 != Preface.magic } ?? false
      if isFrame {
        try takeRefusal()
        return false
      }
      guard let answer = try ServerPreface(reading: &preface) else { return false }
      guard answer.majorVersion == Preface.majorVersion else {
        let range = "\(answer.lowestVersion) to \(answer.highestVersion)"
        fail(
          RPCError(.unimplemented, "\(server) speaks protocol versions \(range), this client \(Preface.majorVersion)"))
        return false
      }
    } catch {
      // What a foreign protocol would mean as a frame would only mislead.
      let isHTTP = preface.readableBytesView.starts(with: "HTTP".utf8)
      let what = isHTTP ? "it speaks HTTP" : "it speaks another protocol"
      fail(RPCError(.unavailable, "\(server) is no Tailrace broker: \(what)"))
      return false
    }
    phase = .open
    prefaceTimer?.cancel()
    ready?.succeed(())
    ready = nil
    return true
  }

  /// A server that takes no connection may answer with an error frame alone.
  private func takeRefusal() throws(FrameError) {
    var decoder = FrameDecoder(limits: FrameLimits(maxFrameBytes: configuration.frame.maxHeaderBytes))
    decoder.receive(preface)
    guard let frame = try decoder.next() else { return }
    let header = try ResponseHeaderScan(frame.header, arena: arena, limits: configuration.frame)
    guard let failure = header.failure else { throw .invalidHeader("the first frame is no refusal") }
    fail(named(failure))
  }
}

/// Bytes of a large answer that are awaited before they are read.
private let gatheredBytes = 256 << 10
/// Buffers of large answers that are kept to be used again.
private let spareFrames = 8
