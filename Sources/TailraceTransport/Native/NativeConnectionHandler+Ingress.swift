internal import NIOCore
internal import TailraceWire

/// A turn's share of frames: so many calls, and of others, which cost more, fewer.
private let framesPerTurn = 256
private let unusualFrameShare = 16

// From frames to calls, and when to read on.
extension NativeConnectionHandler {
  /// Takes whole frames that were received: all of them, or as many as are a turn's share.
  func takeFrames() {
    guard violation == nil else { return }
    var allowance = framesPerTurn
    isBehind = false
    do throws(FrameError) {
      while let bytes = try decoder.wholeFrames() {
        guard allowance > 0, outputBytes < limits.maxBytesInFlight else {
          isBehind = true
          return
        }
        queue.beginRead(bytes)
        let found = Result { () throws(FrameError) in try takeUsual(&decoder, &calls, &allowance) }
        queue.endRead()
        try found.get()
        // What stopped that, if it was not the end.
        guard allowance > 0, try decoder.wholeFrames() != nil, let frame = try decoder.next() else { continue }
        try takeUnusual(frame)
        allowance -= unusualFrameShare + frame.header.readableBytes / 64
      }
    } catch {
      violation = error
    }
  }

  /// Takes frames as long as each is a call like nearly all are: a known method, no metadata, room for it. There are
  /// many in a read, and this is the way of all of them, so decoder and table are borrowed once.
  private func takeUsual(
    _ decoder: inout FrameDecoder, _ calls: inout CallTable, _ allowance: inout Int
  ) throws(FrameError) {
    let (now, queue) = (now, queue)
    guard !isDraining else { return }
    try decoder.takeRequests { header, place throws(FrameError) in
      guard allowance > 0, let method = header.method, header.callID != 0, header.metadataCount == 0, !header.cancel
      else {
        return false
      }
      let deadline = header.deadline(from: now)
      guard case .admitted(let id) = calls.admit(clientID: header.callID, deadline: deadline, credit: header.credit)
      else { return false }
      queue.append(id, method, at: place, deadline: deadline)
      allowance -= 1
      return true
    }
  }

  /// All other frames.
  private func takeUnusual(_ frame: Frame) throws(FrameError) {
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
    let metadata: [Metadata]
    do throws(RPCError) {
      metadata = header.metadataCount > 0 ? try self.metadata(frame.header) : []
    } catch {
      writeFailure(error, to: header.callID)
      return
    }
    let deadline = header.deadline(from: now)
    guard case .admitted(let id) = calls.admit(clientID: header.callID, deadline: deadline, credit: header.credit)
    else { return }
    queue.append(
      InboundCall(id: id, method: method, message: frame.message, deadline: deadline, metadata: metadata))
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
    let most = limits.frame.maxMetadataEntries
    if header.metadataCount > most {
      let message = "\(header.metadataCount) entries of metadata: at most \(most) are accepted"
      return RPCError(.invalidArgument, message, error: .limitReached)
    }
    if header.method == nil {
      return .unknownMethod(RequestHeaderScan.methodName(in: frame.header))
    }
    return nil
  }

  private func metadata(_ header: ByteBuffer) throws(RPCError) -> [Metadata] {
    do throws(DecodeError) {
      let decodeLimits = DecodeLimits(maxBytes: limits.frame.maxHeaderBytes)
      return try RequestHeader(decoding: header, arena: arena, limits: decodeLimits).metadata
    } catch {
      throw RPCError(error)
    }
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
    dispatcher.creditGranted(to: call, on: self)
  }

  /// Answers a call in the dispatcher's stead, and sees to it that nobody works on it any more.
  func giveUp(_ call: CallID, _ error: RPCError) {
    guard let clientID = calls.remove(call) else { return }
    writeFailure(error, to: clientID)
    if !queue.remove(call) { dispatcher.abandon(call, from: self) }
  }

  /// Whether more may be read: only requests not executed and output not sent count, so that calls which wait for
  /// something never keep those out that would end the wait.
  private var mayRead: Bool {
    !isBehind && violation == nil
      && queue.heldBytes + decoder.bufferedBytes + outputBytes < limits.maxBytesInFlight && hasBudget
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

extension NativeConnectionHandler: DirectReader {
  /// The read that the channel was asked for stays asked for, and brings what comes after this one.
  func readDirectly(into buffer: inout ByteBuffer, at now: NIODeadline) -> Bool {
    guard isReadDirectly, isReading, !isTurnAwaited, phase == .open, let socket, mayRead else { return false }
    let count = socket.read(LoopSockets.readBytes, into: &buffer)
    isReadDirectly = 0 < count && count < LoopSockets.readBytes
    guard count > 0 else { return false }
    lastRead = now
    lastTraffic = now
    decoder.receive(buffer)
    isTurnAwaited = true
    return true
  }
}

extension RequestHeaderScan {
  fileprivate func deadline(from now: NIODeadline) -> NIODeadline {
    timeoutMs > 0 ? now + .milliseconds(Int64(timeoutMs)) : .distantFuture
  }
}
