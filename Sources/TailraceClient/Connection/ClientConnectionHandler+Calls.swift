internal import NIOCore
internal import TailraceWire

/// Requests gathered are handed to the channel at this many bytes.
private let outputBytes = 256 << 10
/// The end of a message is copied behind the rest where it is shorter than this.
private let copiedBytes = 8 << 10

// Calls, and what leaves for them.
extension ClientConnectionHandler {
  func accept(_ call: OutboundCall) {
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

  func deadline(of call: OutboundCall) -> NIODeadline {
    guard call.options.timeout != nil else { return .distantFuture }
    return call.madeAt + .milliseconds(Int64(call.timeoutMs)) + configuration.timeoutSlack
  }

  func write(_ call: OutboundCall) {
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

  func cancel(_ id: UInt64) {
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
  func giveUp(_ id: UInt64) {
    inFlight.updateValue(nil, forKey: id)
    // A header of two numbers always fits.
    _ = try? encoder.writeRequest(RequestHeader(callID: id, cancel: true), message: ByteBuffer(), to: &output)
  }

  func take(_ frame: Frame) throws(FrameError) {
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

  func grant(_ id: UInt64, _ bytes: UInt64) {
    guard case .some(.some) = inFlight[id] else { return }
    // A header of two numbers always fits.
    _ = try? encoder.writeRequest(RequestHeader(callID: id, credit: bytes), message: ByteBuffer(), to: &output)
  }

  // MARK: Output

  /// Sends calls that waited, as far as they fit, and flushes.
  func flush() {
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

  func write(_ bytes: ByteBuffer) {
    guard let context else { return }
    let count = bytes.readableBytes
    unsentBytes += count
    let written = eventLoop.makePromise(of: Void.self)
    written.futureResult.whenComplete { _ in self.unsentBytes -= count }
    context.write(wrapOutboundOut(bytes), promise: written)
  }

  /// Adds the end of a message: a large one is not copied once more.
  func append(_ payload: ByteBuffer) {
    guard payload.readableBytes >= copiedBytes else {
      output.writeImmutableBuffer(payload)
      return
    }
    writeOutput()
    write(payload)
  }
}
