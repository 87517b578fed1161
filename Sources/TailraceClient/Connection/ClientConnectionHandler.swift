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

  private struct Pending {
    let completion: @Sendable (Result<ByteBuffer, RPCError>) -> Void
    let onMessage: (@Sendable (ByteBuffer) -> Void)?
    let onMetadata: (@Sendable ([Metadata]) -> Void)?
    let deadline: NIODeadline
    let sentAt: NIODeadline
  }

  private enum Phase {
    case awaitingPreface
    case open
    case closed
  }

  private let eventLoop: any EventLoop
  private let configuration: ConnectionConfiguration
  /// "127.0.0.1:7171", for errors.
  private let server: String
  private let inbox = Mutex<[Command]>([])
  /// Succeeds once the server's preface is there; fails where it never comes.
  let isReady: EventLoopFuture<Void>

  // Event loop only, from here on.
  private var context: ChannelHandlerContext?
  private var phase = Phase.awaitingPreface
  /// Completed once the server's preface is there.
  private var ready: EventLoopPromise<Void>?
  private var prefaceTimer: Scheduled<Void>?
  private var preface = ByteBuffer()
  private var decoder: FrameDecoder
  private let encoder: FrameEncoder
  private let arena: Arena
  /// Calls on the wire. Where nobody waits for the answer any more the value is nil: the server still works on it.
  private var inFlight: [UInt64: Pending?] = [:]
  /// Calls that wait for others to be answered, and the bytes of their messages.
  private var waiting = CircularBuffer<OutboundCall>()
  private var waitingBytes = 0
  private var unsentBytes = 0
  private var output = ByteBuffer()
  private var deadlineTimer: Scheduled<Void>?
  private var deadlineTimerAt = NIODeadline.distantFuture
  /// Bytes that the kernel gathers before it tells that there are some.
  private var awaitedBytes = 1
  private var receivedAt = NIODeadline.uptimeNanoseconds(0)
  /// No call is sent before this: the server asked for it.
  private var throttledUntil = NIODeadline.uptimeNanoseconds(0)
  /// Closes once every call is answered.
  private var isRetiring = false
  private var onEvent: (@Sendable (ConnectionEvent) -> Void)?
  /// Why the connection ends, as far as it is known before it does.
  private var reason: RPCError?

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

  private func wait(for byteCount: Int, _ context: ChannelHandlerContext) {
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

  // MARK: Calls

  private func accept(_ call: OutboundCall) {
    guard phase != .closed else {
      call.completion(.failure(reason ?? lost()))
      return
    }
    let (bytes, overflow) = (unsentBytes + waitingBytes).addingReportingOverflow(call.messageBytes)
    // A single message may be as large as a frame allows, whatever this limit is.
    guard !overflow, bytes <= configuration.maxUnsentBytes || unsentBytes + waitingBytes == 0 else {
      let message = "\(unsentBytes + waitingBytes) bytes of requests to \(server) are not sent yet; await answers first"
      call.completion(.failure(RPCError(.resourceExhausted, message, error: .limitReached)))
      return
    }
    if phase == .open && inFlight.count < configuration.maxCallsInFlight && waiting.isEmpty && !isThrottled {
      write(call)
    } else {
      waiting.append(call)
      waitingBytes += call.messageBytes
      scheduleDeadline(deadline(of: call))
    }
  }

  private func deadline(of call: OutboundCall) -> NIODeadline {
    guard call.options.timeout != nil else { return .distantFuture }
    return call.madeAt + .milliseconds(Int64(call.timeoutMs)) + configuration.timeoutSlack
  }

  private func write(_ call: OutboundCall) {
    let header = RequestHeader(
      callID: call.id, method: call.method.fullName, timeoutMs: call.timeoutMs, metadata: call.options.metadata,
      credit: call.credit)
    do throws(EncodeError) {
      try encoder.writeRequestPrefix(header, messageBytes: call.messageBytes, to: &output)
    } catch {
      let message =
        error.kind == .tooLarge
        ? "a request of \(call.messageBytes) bytes does not fit into a frame of"
          + " \(configuration.frame.maxFrameBytes), with a header of \(configuration.frame.maxHeaderBytes)"
        : "the call's metadata: \(error)"
      call.completion(.failure(RPCError(.invalidArgument, message)))
      return
    }
    output.writeImmutableBuffer(call.message)
    if let payload = call.payload { append(payload) }
    let deadline = deadline(of: call)
    inFlight.updateValue(
      Pending(
        completion: call.completion, onMessage: call.onMessage, onMetadata: call.options.onMetadata,
        deadline: deadline, sentAt: eventLoop.now),
      forKey: call.id)
    scheduleDeadline(deadline)
    if output.readableBytes >= outputBytes { writeOutput() }
  }

  private func cancel(_ id: UInt64) {
    let error = RPCError(.cancelled, "the call was cancelled")
    if let pending = inFlight[id] {
      guard let pending else { return }
      giveUp(id)
      pending.completion(.failure(error))
    } else if let index = waiting.firstIndex(where: { $0.id == id }) {
      let call = waiting.remove(at: index)
      waitingBytes -= call.messageBytes
      call.completion(.failure(error))
    }
  }

  /// Tells the server that nobody waits for an answer. The call stays in flight until the server has answered it.
  private func giveUp(_ id: UInt64) {
    inFlight.updateValue(nil, forKey: id)
    // A header of two numbers always fits.
    _ = try? encoder.writeRequest(RequestHeader(callID: id, cancel: true), message: ByteBuffer(), to: &output)
  }

  private func take(_ frame: Frame) throws(FrameError) {
    let header = try ResponseHeaderScan(frame.header, arena: arena, limits: configuration.frame)
    if header.throttleMs > 0 { throttle(header.throttleMs) }
    if header.reconnectAdvised { onEvent?(.reconnectAdvised) }
    if header.callID == 0 {
      let failure = header.failure ?? RPCError(.unavailable, "the server ended the connection")
      fail(named(failure))
      return
    }
    guard header.isLast else { return try takeMessage(frame, of: header.callID) }
    guard let pending = inFlight.removeValue(forKey: header.callID) else {
      throw .invalidHeader("call \(header.callID) is not in flight")
    }
    guard let pending else { return }
    if !header.metadata.isEmpty { pending.onMetadata?(header.metadata) }
    if let failure = header.failure {
      pending.completion(.failure(failure))
    } else {
      pending.completion(.success(frame.message))
    }
  }

  /// One of the messages of a stream.
  private func takeMessage(_ frame: Frame, of id: UInt64) throws(FrameError) {
    guard let pending = inFlight[id] else { throw .invalidHeader("call \(id) is not in flight") }
    guard let pending else { return }
    guard let onMessage = pending.onMessage else { throw .invalidHeader("call \(id) is no stream") }
    onMessage(frame.message)
  }

  private func grant(_ id: UInt64, _ bytes: UInt64) {
    guard case .some(.some) = inFlight[id] else { return }
    // A header of two numbers always fits.
    _ = try? encoder.writeRequest(RequestHeader(callID: id, credit: bytes), message: ByteBuffer(), to: &output)
  }

  // MARK: Output

  /// Sends calls that waited, as far as they fit, and flushes.
  private func flush() {
    guard let context, phase == .open else { return }
    while inFlight.count < configuration.maxCallsInFlight, !isThrottled, let call = waiting.popFirst() {
      waitingBytes -= call.messageBytes
      write(call)
    }
    writeOutput()
    context.flush()
  }

  private func writeOutput() {
    guard output.readableBytes > 0 else { return }
    let bytes = output
    output = ByteBuffer()
    write(bytes)
  }

  private func write(_ bytes: ByteBuffer) {
    guard let context else { return }
    let count = bytes.readableBytes
    unsentBytes += count
    let written = eventLoop.makePromise(of: Void.self)
    written.futureResult.whenComplete { _ in self.unsentBytes -= count }
    context.write(wrapOutboundOut(bytes), promise: written)
  }

  /// Adds the end of a message: a large one is not copied once more.
  private func append(_ payload: ByteBuffer) {
    guard payload.readableBytes >= copiedBytes else {
      output.writeImmutableBuffer(payload)
      return
    }
    writeOutput()
    write(payload)
  }

  // MARK: Time

  private var isThrottled: Bool { throttledUntil > eventLoop.now }

  private func throttle(_ ms: UInt32) {
    let wait = TimeAmount.milliseconds(Int64(min(ms, mostThrottleMs)))
    throttledUntil = max(throttledUntil, eventLoop.now + wait)
    eventLoop.scheduleTask(deadline: throttledUntil) { self.flush() }
  }

  private func scheduleDeadline(_ deadline: NIODeadline) {
    guard deadline < deadlineTimerAt else { return }
    deadlineTimer?.cancel()
    deadlineTimerAt = deadline
    deadlineTimer = eventLoop.scheduleTask(deadline: deadline) { self.expire() }
  }

  private func expire() {
    deadlineTimerAt = .distantFuture
    deadlineTimer = nil
    let now = eventLoop.now
    let error = RPCError(.deadlineExceeded, "\(server) did not answer within the call's time-out")
    var earliest = NIODeadline.distantFuture
    var isSilent = false
    for case (let id, let pending?) in inFlight {
      if pending.deadline <= now {
        // While the kernel gathers, bytes may have come that nobody was told of.
        isSilent = isSilent || (awaitedBytes == 1 && receivedAt < pending.sentAt)
        giveUp(id)
        pending.completion(.failure(error))
      } else {
        earliest = min(earliest, pending.deadline)
      }
    }
    let overdue = waiting.filter { deadline(of: $0) <= now }
    if !overdue.isEmpty {
      waiting.removeAll { deadline(of: $0) <= now }
      waitingBytes -= overdue.reduce(0) { $0 + $1.messageBytes }
      for call in overdue { call.completion(.failure(error)) }
    }
    for call in waiting { earliest = min(earliest, deadline(of: call)) }
    // So that the next time it can be judged.
    if let context { wait(for: 1, context) }
    if isSilent && configuration.endsWhenSilent {
      fail(RPCError(.unavailable, "\(server) does not answer any more"))
      return
    }
    scheduleDeadline(earliest)
    flush()
  }

  // MARK: The end

  private func closeIfRetired() {
    guard isRetiring, inFlight.isEmpty, waiting.isEmpty else { return }
    fail(RPCError(.unavailable, "the connection to \(server) was retired"))
  }

  /// Ends the connection; its calls fail with `error`, unless there was a reason before.
  func fail(_ error: RPCError) {
    if reason == nil { reason = error }
    guard phase != .closed else { return }
    finish()
    context?.close(promise: nil)
  }

  private func finish() {
    guard phase != .closed else { return }
    let wasOpen = phase == .open
    phase = .closed
    let error = reason ?? lost()
    reason = error
    prefaceTimer?.cancel()
    deadlineTimer?.cancel()
    ready?.fail(error)
    ready = nil
    let pending = inFlight
    let calls = waiting
    inFlight = [:]
    waiting = []
    for case (_, let call?) in pending { call.completion(.failure(error)) }
    for call in calls { call.completion(.failure(error)) }
    if wasOpen { onEvent?(.closed(error)) }
    onEvent = nil
  }

  private func lost() -> RPCError {
    RPCError(.unavailable, "the connection to \(server) was lost")
  }

  /// A failure of the connection as the server told it, with the server's name.
  private func named(_ failure: RPCError) -> RPCError {
    RPCError(failure.code, "\(server) ended the connection: \(failure.message)", error: failure.error)
  }
}

/// Requests gathered are handed to the channel at this many bytes.
private let outputBytes = 256 << 10
/// Bytes of a large answer that are awaited before they are read.
private let gatheredBytes = 256 << 10
/// Buffers of large answers that are kept to be used again.
private let spareFrames = 8
/// The end of a message is copied behind the rest where it is shorter than this.
private let copiedBytes = 8 << 10
/// However long a server asks for, no call waits longer than this.
private let mostThrottleMs: UInt32 = 60_000
