internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import TailraceWire

// From frames to calls.
extension GRPCConnectionHandler {
  func take(_ frame: HTTP2Frame) {
    if frame.endsStream { unfinishedInputs.remove(frame.streamID) }
    switch frame.payload {
    case .headers(let headers):
      if streams[frame.streamID] == nil { open(frame.streamID, headers) } else { endInput(frame.streamID) }
    case .data(let data):
      guard case .byteBuffer(let bytes) = data.data else { return }
      receive(bytes, on: frame.streamID, isLast: data.endStream)
      if data.endStream { endInput(frame.streamID) }
    case .ping(_, let isAnswer):
      if !isAnswer { notePing() }
    default: break
    }
  }

  private func open(_ id: HTTP2StreamID, _ headers: HTTP2Frame.FramePayload.Headers) {
    guard !isDraining, streams.count < limits.maxCallsInFlight else {
      // Told so, clients make the call elsewhere, or later.
      return reset(id, .refusedStream)
    }
    lastStream = max(lastStream, id)
    switch GRPCRequestHead.judge(headers.headers, limits: limits.frame) {
    case .http(let status, let text): refuse(id, status, text, isInputEnded: headers.endStream)
    case .failure(let error): refuse(id, error, isInputEnded: headers.endStream)
    case .call(let head):
      guard let target = GRPCStream.Target(head.method) ?? additionalTarget(head) else {
        return refuse(id, .unknownMethod(shown(head.method)), isInputEnded: headers.endStream)
      }
      let stream = GRPCStream(target, head, now: eventLoop.now, limits: limits.frame)
      streams[id] = stream
      partialBytes += stream.heldBytes
      earliestDeadline = min(earliestDeadline, stream.deadline)
      if headers.endStream { endInput(id) }
    }
  }

  private func additionalTarget(_ head: GRPCRequestHead) -> GRPCStream.Target? {
    additionalServices?.begin(head.method, metadata: head.metadata).map { .additional($0) }
  }

  /// At most 100 bytes of it.
  private func shown(_ method: String) -> String { String(decoding: method.utf8.prefix(100), as: UTF8.self) }

  private func receive(_ bytes: ByteBuffer, on id: HTTP2StreamID, isLast: Bool) {
    guard var stream = streams[id], bytes.readableBytes > 0 else { return }
    // Taken out, so that what it holds is not copied for being held twice.
    streams[id] = nil
    partialBytes -= stream.heldBytes
    stream.lastInput = eventLoop.now
    stream.assembler.receive(bytes)
    var failure: RPCError?
    var messages: [ByteBuffer] = []
    do throws(RPCError) {
      while let message = try stream.assembler.next() { messages.append(message) }
      stream.assembler.compact()
    } catch {
      failure = error
    }
    if !stream.takesManyRequests {
      if messages.count > 1 || (messages.count == 1 && stream.request != nil) {
        failure = RPCError(.unimplemented, "a call of this method has one request, and more came")
      }
      stream.request = stream.request ?? messages.first.map { isLast ? $0 : $0.compacted }
      messages = []
    }
    streams[id] = stream
    partialBytes += stream.heldBytes
    for message in messages { serve(message, on: id) }
    if failure == nil, partialBytes > limits.maxBytesInFlight {
      failure = RPCError(
        .resourceExhausted, "the requests that are not whole yet on this connection have \(partialBytes) bytes",
        error: .limitReached)
    }
    if let failure { fail(id, failure) }
  }

  /// The client has sent its last on a stream.
  private func endInput(_ id: HTTP2StreamID) {
    guard let stream = streams[id], !stream.isInputEnded else { return }
    streams[id]?.isInputEnded = true
    if stream.assembler.isWithinMessage {
      return fail(id, RPCError(.internalError, "the request ends within a message"))
    }
    switch stream.target {
    case .here: serveEnd(on: id)
    case .additional(let call): serve(nil, of: call, on: id)
    case .broker(let method):
      guard let request = stream.request else {
        return fail(id, RPCError(.internalError, "the call has no request"))
      }
      partialBytes -= stream.heldBytes
      streams[id]?.isCalled = true
      streams[id]?.request = nil
      streams[id]?.metadata = []
      queue.append(
        InboundCall(
          id: CallID(id), method: method, message: request, deadline: stream.deadline, metadata: stream.metadata))
    }
  }

  /// A stream is over, by the peer's will or HTTP/2's rules.
  func streamClosed(_ id: HTTP2StreamID) {
    unfinishedInputs.remove(id)
    guard let stream = remove(id) else { return }
    abandon(id, stream)
    awaitTurn()
  }

  /// Takes a stream out of the table.
  func remove(_ id: HTTP2StreamID) -> GRPCStream? {
    guard let stream = streams.removeValue(forKey: id) else { return nil }
    partialBytes -= stream.heldBytes
    heldUpStreams.remove(id)
    return stream
  }

  /// Sees to it that nobody works for a stream that was taken out.
  func abandon(_ id: HTTP2StreamID, _ stream: GRPCStream) {
    guard case .broker = stream.target, stream.isCalled else { return }
    // Where the dispatcher has it.
    if !queue.remove(CallID(id)) { dispatcher.abandon(CallID(id), from: self) }
  }
}

extension HTTP2Frame {
  fileprivate var endsStream: Bool {
    switch payload {
    case .headers(let headers): headers.endStream
    case .data(let data): data.endStream
    default: false
    }
  }
}

extension GRPCStream.Target {
  /// Who answers to a path without its first slash; nil: nobody.
  init?(_ name: String) {
    if let service = GRPCService(name) {
      self = .here(service)
      return
    }
    var name = name
    guard let method = name.withUTF8({ RPCMethod(nameBytes: UnsafeRawBufferPointer($0)) }) else { return nil }
    self = .broker(method)
  }
}
