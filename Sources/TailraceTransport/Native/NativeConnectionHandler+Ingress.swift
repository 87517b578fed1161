internal import DequeModule
internal import NIOCore
internal import TailraceWire

// From frames to calls, and when to read on.
extension NativeConnectionHandler {
  /// Takes all whole frames that were received.
  func takeFrames() {
    do throws(FrameError) {
      while let frame = try decoder.next() { try take(frame) }
    } catch {
      violation = error
    }
  }

  private func take(_ frame: Frame) throws(FrameError) {
    let header = try RequestHeaderScan(frame.header)
    guard header.callID != 0 else {
      throw .invalidHeader("call_id is 0: it must be a number from 1 on, unique among the calls in flight")
    }
    if header.cancel {
      cancel(header.callID)
    } else if header.credit > 0 && !header.namesMethod {
      try grant(header.credit, to: header.callID)
    } else {
      try takeCall(header, frame)
    }
  }

  private func takeCall(_ header: RequestHeaderScan, _ frame: Frame) throws(FrameError) {
    guard calls.call(named: header.callID) == nil else {
      // An answer under this number could be taken for the first call's: so the whole connection fails.
      throw .invalidHeader("call_id \(header.callID) is in flight already")
    }
    if let refusal = refusal(of: header, frame) {
      writeFailure(refusal, to: header.callID)
      return
    }
    guard let method = header.method else { return }
    var context = CallContext(peer: peer, door: .native)
    if header.timeoutMs > 0 { context.deadline = now + .milliseconds(Int64(header.timeoutMs)) }
    if header.hasMetadata {
      do throws(RPCError) {
        context.metadata = try metadata(frame.header)
      } catch {
        writeFailure(error, to: header.callID)
        return
      }
    }
    let id = calls.insert(clientID: header.callID, deadline: context.deadline, credit: header.credit)
    queue.append(InboundCall(id: id, method: method, message: frame.message, context: context))
    queuedBytes += frame.message.readableBytes
  }

  /// Why a call is not even looked at.
  private func refusal(of header: RequestHeaderScan, _ frame: Frame) -> RPCError? {
    if !header.namesMethod {
      let message = "the request's header names no method, such as tailrace.v1.LogService/Fetch"
      return RPCError(.invalidArgument, message, error: .invalidRequest)
    }
    if isDraining {
      return RPCError(.unavailable, "the server is shutting down; connect anew", error: .shuttingDown)
    }
    if calls.isFull {
      let message = "\(calls.capacity) calls are in flight on this connection, which is the limit; await answers"
      return RPCError(.resourceExhausted, message, error: .limitReached)
    }
    if header.method == nil {
      return .unknownMethod(RequestHeaderScan.methodName(in: frame.header))
    }
    return nil
  }

  private func metadata(_ header: ByteBuffer) throws(RPCError) -> [Metadata] {
    let full: RequestHeader
    do throws(DecodeError) {
      let decodeLimits = DecodeLimits(maxBytes: limits.frame.maxHeaderBytes)
      full = try RequestHeader(decoding: header, arena: arena, limits: decodeLimits)
    } catch {
      throw RPCError(error)
    }
    guard full.metadata.count <= limits.frame.maxMetadataEntries else {
      let most = limits.frame.maxMetadataEntries
      let message = "\(full.metadata.count) entries of metadata: at most \(most) are accepted"
      throw RPCError(.invalidArgument, message, error: .limitReached)
    }
    return full.metadata
  }

  private func cancel(_ clientID: UInt64) {
    // An unknown number is no fault: its answer may be under way.
    guard let call = calls.call(named: clientID) else { return }
    giveUp(call, RPCError(.cancelled, "cancelled by the client"))
  }

  private func grant(_ credit: UInt64, to clientID: UInt64) throws(FrameError) {
    guard let call = calls.call(named: clientID) else { return }
    guard calls.grant(credit, to: call) else {
      throw .invalidHeader("the credit of call \(clientID) passes 2^64 bytes")
    }
  }

  /// Answers a call in the dispatcher's stead, and sees to it that nobody works on it any more.
  func giveUp(_ call: CallID, _ error: RPCError) {
    guard let clientID = calls.remove(call) else { return }
    writeFailure(error, to: clientID)
    if let index = queue.firstIndex(where: { $0.id == call }) {
      queuedBytes -= queue.remove(at: index).message.readableBytes
    } else {
      environment.dispatcher.abandon(call, from: self)
    }
  }

  /// Offers the queue to the dispatcher.
  func dispatchQueue() {
    guard !queue.isEmpty else { return }
    // Some may have waited here past their deadline.
    if calls.earliestDeadline <= now { expireCalls() }
    guard acceptsCalls, !queue.isEmpty else { return }
    // The dispatcher answers while it takes calls, and that must find `queue` free to be looked at.
    var offered = Deque<InboundCall>()
    swap(&offered, &queue)
    environment.dispatcher.dispatch(&offered, from: self)
    swap(&offered, &queue)
    queuedBytes = queue.isEmpty ? 0 : queue.reduce(0) { $0 + $1.message.readableBytes }
  }

  /// Whether more may be read: only requests not executed and output not sent count, so that calls which wait for
  /// something never keep those out that would end the wait.
  private var mayRead: Bool {
    queuedBytes + outputBytes < limits.maxBytesInFlight && hasBudget
  }

  /// Asks for the next read, or for news when there is room in the budget. While ending, reads to discard.
  func readOn() {
    guard !isReading, !isInputClosed, phase != .closed, let context else { return }
    if phase == .ending || mayRead {
      if isPaused { lastRead = eventLoop.now }
      isPaused = false
      isReading = true
      context.read()
    } else {
      isPaused = true
      if !hasBudget { awaitBudget() }
    }
  }
}
