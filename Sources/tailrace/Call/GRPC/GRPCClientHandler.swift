import NIOCore
import NIOHPACK
import NIOHTTP2
import TailraceClient
import TailraceTransport
import TailraceWire

/// The client's side of a gRPC connection, behind `NIOHTTP2Handler`: a table of calls, one for each stream.
///
/// Isolation: the channel's event loop. `@unchecked Sendable`: all mutable state is touched there only.
final class GRPCClientHandler: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  /// What a server may do. Its pings are not worth counting: whoever sends much measures the connection with each.
  private enum Bounds {
    /// Headers of an answer, in bytes, each with HTTP/2's 32 of overhead.
    static let maxHeaderListBytes = 32 << 10
    /// The same of a request, where the server does not say otherwise.
    static let maxRequestHeaderListBytes = 16 << 10
    static let maxMessageBytes = FrameLimits.default.maxFrameBytes
    static let maxControlFrames = 1 << 20
    static let maxBufferedControlFrames = 1_000
    /// A server has this long to say that it speaks HTTP/2.
    static let settingsTimeout = ConnectionConfiguration.default.connectTimeout
    /// A server's own DEADLINE_EXCEEDED says more than ours, and is awaited for this long.
    static let timeoutSlack = ConnectionConfiguration.default.timeoutSlack
  }

  private let eventLoop: any EventLoop
  private let server: String
  private let compressesRequests: Bool
  /// Succeeds once the server has said that it speaks HTTP/2; fails where it never does.
  let isReady: EventLoopFuture<Void>

  // Event loop only, from here on.
  private var ready: EventLoopPromise<Void>?
  private var settingsTimer: Scheduled<Void>?
  private var context: ChannelHandlerContext?
  private var calls: [HTTP2StreamID: GRPCClientCall] = [:]
  private var nextStream: Int32 = 1
  /// Of requests, as the server has it.
  private var maxHeaderListBytes = Bounds.maxRequestHeaderListBytes
  /// Why no call can be made any more.
  private var reason: RPCError?

  init(eventLoop: any EventLoop, server: String, compressesRequests: Bool) {
    (self.eventLoop, self.server, self.compressesRequests) = (eventLoop, server, compressesRequests)
    let ready = eventLoop.makePromise(of: Void.self)
    self.ready = ready
    isReady = ready.futureResult
  }

  /// This handler, and those that stand before it, the first of all first.
  var pipeline: [any ChannelHandler] {
    var connection = NIOHTTP2Handler.ConnectionConfiguration()
    connection.initialSettings = [
      HTTP2Setting(parameter: .enablePush, value: 0),
      HTTP2Setting(parameter: .initialWindowSize, value: GRPCClientWindows.streamBytes),
      HTTP2Setting(parameter: .maxHeaderListSize, value: Bounds.maxHeaderListBytes),
    ]
    connection.maximumBufferedControlFrames = Bounds.maxBufferedControlFrames
    connection.controlFrameRateLimit.maximumCount = Bounds.maxControlFrames
    let http2 = NIOHTTP2Handler(
      mode: .client, connectionConfiguration: connection, streamConfiguration: NIOHTTP2Handler.StreamConfiguration())
    let recognizer = HTTP2Recognizer { [server] protocolName in
      self.fail(RPCError(.unavailable, "\(server) speaks \(protocolName), not HTTP/2, which gRPC needs"))
    }
    return [recognizer, http2, self]
  }

  // MARK: Calls

  /// Sends a call's request.
  func start(_ call: GRPCClientCall) {
    guard reason == nil, let context, nextStream < Int32.max - 2 else { return call.end(reason ?? lost()) }
    do throws(RPCError) {
      let (headers, message) = try request(of: call)
      let id = HTTP2StreamID(Int(nextStream))
      nextStream += 2
      call.stream = id
      calls[id] = call
      write(id, .headers(.init(headers: headers)), context)
      write(id, .data(.init(data: .byteBuffer(message), endStream: true)), context)
      context.flush()
      scheduleDeadline(of: call)
    } catch {
      call.end(error)
    }
  }

  /// Tells the server that nobody waits for the answer any more.
  func cancel(_ call: GRPCClientCall) { giveUp(call, RPCError(.cancelled, "the call was cancelled")) }

  /// Makes room for what was printed.
  func consumed(_ byteCount: Int, of call: GRPCClientCall) {
    call.unconsumedBytes -= byteCount
    openWindow(of: call)
  }

  private func request(of call: GRPCClientCall) throws(RPCError) -> (HPACKHeaders, ByteBuffer) {
    var headers: HPACKHeaders = [
      ":method": "POST", ":scheme": "http", ":path": "/\(call.method.fullName)", ":authority": server,
      "content-type": "application/grpc+proto", "te": "trailers", "user-agent": "tailrace/\(Version.current)",
      "grpc-accept-encoding": "identity,gzip",
    ]
    if compressesRequests { headers.add(name: "grpc-encoding", value: "gzip") }
    if let timeout = call.options.timeout {
      headers.add(name: "grpc-timeout", value: GRPCTimeout.text(milliseconds: UInt32(clamping: max(1, timeout.ms))))
    }
    for entry in call.options.metadata { headers.add(name: entry.key, value: entry.value) }
    let byteCount = headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 32 }
    guard byteCount <= maxHeaderListBytes else {
      throw RPCError(
        .invalidArgument, "the call's metadata makes headers of \(byteCount) bytes; \(maxHeaderListBytes) are the most")
    }
    return (headers, try framed(call.request))
  }

  private func framed(_ request: ByteBuffer) throws(RPCError) -> ByteBuffer {
    var message = request
    if compressesRequests {
      do throws(RecordBatchError) { message = try Compression.gzip.compress(request) } catch {
        throw RPCError(.internalError, "the request cannot be compressed: \(error.message)")
      }
    }
    guard let length = UInt32(exactly: message.readableBytes) else {
      throw RPCError(.invalidArgument, "a request of \(message.readableBytes) bytes is too long for gRPC")
    }
    var framed = ByteBuffer()
    framed.writeMultipleIntegers(UInt8(compressesRequests ? 1 : 0), length)
    framed.writeImmutableBuffer(message)
    return framed
  }

  private func scheduleDeadline(of call: GRPCClientCall) {
    guard let timeout = call.options.timeout else { return }
    let deadline = call.madeAt + .milliseconds(Int64(UInt32(clamping: timeout.ms))) + Bounds.timeoutSlack
    call.timer = eventLoop.scheduleTask(deadline: deadline) {
      self.giveUp(call, RPCError(.deadlineExceeded, "\(self.server) did not answer within the call's time-out"))
    }
  }

  // MARK: Frames

  private func take(_ frame: HTTP2Frame) {
    switch frame.payload {
    case .settings(.settings(let settings)): takeSettings(settings)
    case .headers(let headers): takeHeaders(headers, on: frame.streamID)
    case .data(let data): takeData(data, on: frame.streamID)
    case .rstStream(let code):
      end(frame.streamID, RPCError(GRPCAnswer.code(code), "\(server) gave the call up (HTTP/2 \(code.words))"))
    case .goAway(_, let code, let text): takeGoAway(code, text)
    default: break
    }
  }

  private func takeSettings(_ settings: HTTP2Settings) {
    for setting in settings where setting.parameter == .maxHeaderListSize { maxHeaderListBytes = setting.value }
    settingsTimer?.cancel()
    ready?.succeed(())
    ready = nil
  }

  private func takeHeaders(_ headers: HTTP2Frame.FramePayload.Headers, on id: HTTP2StreamID) {
    guard let call = calls[id] else { return }
    let isFirst = call.assembler == nil
    if headers.endStream {
      let metadata = GRPCAnswer.metadata(headers.headers)
      if !metadata.isEmpty { call.options.onTrailers?(metadata) }
      let isCut = call.assembler?.isWithinMessage ?? false
      end(id, GRPCAnswer.failure(headers.headers, isOnly: isFirst) ?? (isCut ? Self.endedEarly : nil))
      return
    }
    // What is only on the way to an answer.
    guard isFirst, headers.headers.first(name: ":status")?.first != "1" else { return }
    do throws(RPCError) {
      call.assembler = GRPCMessageAssembler(
        maxMessageBytes: Bounds.maxMessageBytes, mayBeCompressed: try GRPCAnswer.isCompressed(headers.headers))
      let metadata = GRPCAnswer.metadata(headers.headers)
      if !metadata.isEmpty { call.options.onMetadata?(metadata) }
    } catch {
      giveUp(call, error)
    }
  }

  private func takeData(_ data: HTTP2Frame.FramePayload.Data, on id: HTTP2StreamID) {
    guard let call = calls[id], case .byteBuffer(let bytes) = data.data else { return }
    do throws(RPCError) {
      try call.receive(bytes)
    } catch {
      return giveUp(call, RPCError(error.code, "\(server) sent what is no answer: \(error.message)"))
    }
    if data.endStream { end(id, RPCError(.internalError, "the answer ends without a grpc-status")) }
  }

  private static let endedEarly = RPCError(.internalError, "the answer ends within a message")

  private func takeGoAway(_ code: HTTP2ErrorCode, _ text: ByteBuffer?) {
    let words = text.map { String(buffer: $0).prefix(100) } ?? ""
    let why = code == .noError ? "" : ": \(code.words)" + (words.isEmpty ? "" : ", \(words)")
    reason = reason ?? RPCError(.unavailable, "\(server) takes no further calls on this connection\(why)")
  }

  // MARK: Ends

  private func end(_ id: HTTP2StreamID, _ failure: RPCError?) { calls.removeValue(forKey: id)?.end(failure) }

  /// Ends a call before its answer has ended.
  private func giveUp(_ call: GRPCClientCall, _ failure: RPCError) {
    guard let id = call.stream, calls.removeValue(forKey: id) != nil else { return call.end(failure) }
    if let context {
      write(id, .rstStream(.cancel), context)
      context.flush()
    }
    call.end(failure)
  }

  /// Ends the connection; its calls fail with `failure`, unless there was a reason before.
  private func fail(_ failure: RPCError) {
    finish(failure)
    context?.close(promise: nil)
  }

  private func finish(_ failure: RPCError) {
    let error = reason ?? failure
    reason = error
    settingsTimer?.cancel()
    ready?.fail(error)
    ready = nil
    let pending = calls
    calls = [:]
    for call in pending.values { call.end(error) }
  }

  private func lost() -> RPCError { RPCError(.unavailable, "the connection to \(server) was lost") }

  // MARK: Windows

  private func windowChanged(_ event: NIOHTTP2WindowUpdatedEvent) {
    guard let size = event.inboundWindowSize, let context else { return }
    guard event.streamID == .rootStream else {
      guard let call = calls[event.streamID] else { return }
      call.windowBytes = size
      return openWindow(of: call)
    }
    let target = GRPCClientWindows.connectionBytes
    guard size <= target / 2 else { return }
    write(.rootStream, .windowUpdate(windowSizeIncrement: target - size), context)
    context.flush()
  }

  private func openWindow(of call: GRPCClientCall) {
    guard let id = call.stream, calls[id] === call, let context, let increment = call.windowIncrement() else { return }
    call.windowBytes += increment
    write(id, .windowUpdate(windowSizeIncrement: increment), context)
    context.flush()
  }

  private func write(_ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload, _ context: ChannelHandlerContext) {
    context.write(wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: nil)
  }

  // MARK: ChannelInboundHandler

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func channelActive(context: ChannelHandlerContext) {
    let increment = GRPCClientWindows.connectionBytes - GRPCClientWindows.firstConnectionBytes
    write(.rootStream, .windowUpdate(windowSizeIncrement: increment), context)
    context.flush()
    settingsTimer = eventLoop.scheduleTask(in: Bounds.settingsTimeout) {
      self.fail(RPCError(.unavailable, "\(self.server) accepted the connection and then said nothing"))
    }
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { take(unwrapInboundIn(data)) }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case let event as StreamClosedEvent:
      end(event.streamID, reason ?? RPCError(.unavailable, "\(server) ended the call without an answer"))
    case let event as NIOHTTP2WindowUpdatedEvent: windowChanged(event)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let isHTTP = !(error is IOError || error is ChannelError)
    let what = isHTTP ? "it breaks the rules of HTTP/2 (\(type(of: error)))" : ConnectError.words(error)
    fail(RPCError(.unavailable, "the connection to \(server) failed: \(what)"))
  }

  func channelInactive(context: ChannelHandlerContext) {
    let isUnknown = ready != nil
    finish(isUnknown ? RPCError(.unavailable, "\(server) closed the connection before it spoke HTTP/2") : lost())
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    finish(lost())
    self.context = nil
  }
}

extension HTTP2ErrorCode {
  /// The name in RFC 9113, or the number.
  fileprivate var words: String {
    let names = [
      "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
      "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
      "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
    ]
    return names.indices.contains(networkCode) ? names[networkCode] : "error \(networkCode)"
  }
}
