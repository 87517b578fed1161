internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import TailraceWire

/// An answer of this many bytes in memory may be refused where output piles up.
private let largeAnswerBytes = 64 << 10
/// An answer of fewer bytes is not worth to be compressed.
private let compressedBytes = 1 << 10

// From answers to frames.
extension GRPCConnectionHandler {
  /// Writes the answer to a call, where it is still in flight.
  func answer(_ response: Response, to id: HTTP2StreamID) {
    guard phase == .open, streams[id]?.isCalled == true else { return }
    switch response {
    case .message, .short, .chunks: answer(response.chunks ?? [], to: id)
    case .failure(let error): end(id, error)
    case .end:
      // Without a message there were no headers either.
      writeHead(id)
      finish(id, GRPCTrailers.ok)
    }
  }

  private func answer(_ chunks: [Chunk], to id: HTTP2StreamID) {
    if let refusal = refusal(chunks) { return end(id, refusal) }
    send(chunks, on: id)
    finish(id, GRPCTrailers.ok)
  }

  /// Why an answer cannot go out.
  private func refusal(_ chunks: [Chunk]) -> RPCError? {
    let memoryBytes = chunks.memoryBytes
    guard memoryBytes >= largeAnswerBytes else { return nil }
    if unsentBytes / 2 >= limits.maxBytesInFlight {
      let message = "\(unsentBytes) bytes of answers wait to be read on this connection; read them, then try again"
      return RPCError(.resourceExhausted, message, error: .limitReached)
    }
    return budgetRefusal
  }

  /// Writes the headers that an answer begins with, where that was not done yet.
  func writeHead(_ id: HTTP2StreamID) {
    guard let stream = streams[id], !stream.hasHead else { return }
    streams[id]?.hasHead = true
    var headers = GRPCTrailers.head(gzip: stream.compressesAnswers)
    headers.add(stream.initialMetadata)
    write(id, .headers(.init(headers: headers)))
  }

  /// Writes one message of a stream.
  func send(_ chunks: [Chunk], on id: HTTP2StreamID) {
    guard let stream = streams[id] else { return }
    writeHead(id)
    let count = chunks.byteCount
    if stream.compressesAnswers, count >= compressedBytes, let message = compressed(chunks) {
      var framed = ByteBuffer()
      framed.writeMultipleIntegers(UInt8(1), UInt32(message.readableBytes))
      framed.writeImmutableBuffer(message)
      return write(.bytes(framed), on: id)
    }
    var head = ByteBuffer()
    head.writeMultipleIntegers(UInt8(0), UInt32(truncatingIfNeeded: count))
    for chunk in chunks {
      // What is small goes out in one frame with what follows.
      if case .bytes(let bytes) = chunk, head.readableBytes + bytes.readableBytes <= 16_384 {
        head.writeImmutableBuffer(bytes)
        continue
      }
      if head.readableBytes > 0 {
        write(.bytes(head), on: id)
        head = ByteBuffer()
      }
      write(chunk, on: id)
    }
    if head.readableBytes > 0 { write(.bytes(head), on: id) }
  }

  /// Nil where some of it lies in files: that is sent as it is.
  private func compressed(_ chunks: [Chunk]) -> ByteBuffer? {
    var whole = ByteBuffer()
    for chunk in chunks {
      guard case .bytes(let bytes) = chunk else { return nil }
      whole.writeImmutableBuffer(bytes)
    }
    return try? Compression.gzip.compress(whole)
  }

  private func write(_ chunk: Chunk, on id: HTTP2StreamID) {
    guard let context, let stream = streams[id], chunk.count > 0 else { return }
    let (count, isUnary) = (chunk.count, !stream.isServerStreaming)
    let memoryBytes: Int
    let data: IOData
    let owner: FileChunk?
    switch chunk {
    case .bytes(let bytes): (data, memoryBytes, owner) = (.byteBuffer(bytes), count, nil)
    case .file(let file): (data, memoryBytes, owner) = (.fileRegion(file.region), 0, file)
    }
    if unsentBytes == 0 { lastSent = eventLoop.now }
    unsentBytes += count
    unsentMemoryBytes += memoryBytes
    if isUnary { unsentUnaryBytes += count }
    if stream.unsentBytes == 0 { streams[id]?.lastSent = eventLoop.now }
    streams[id]?.unsentBytes += count
    let promise = eventLoop.makePromise(of: Void.self)
    promise.futureResult.whenComplete { _ in
      withExtendedLifetime(owner) {}
      self.didSend(count, memoryBytes: memoryBytes, isUnary: isUnary, on: id)
    }
    let frame = HTTP2Frame(streamID: id, payload: .data(.init(data: data)))
    context.write(wrapOutboundOut(frame), promise: promise)
    needsFlush = true
  }

  private func didSend(_ count: Int, memoryBytes: Int, isUnary: Bool, on id: HTTP2StreamID) {
    unsentBytes -= count
    unsentMemoryBytes -= memoryBytes
    if isUnary { unsentUnaryBytes -= count }
    lastSent = eventLoop.now
    streams[id]?.unsentBytes -= count
    streams[id]?.lastSent = lastSent
    lingeringStreams[id]?.note(sent: count, at: lastSent)
    if lingeringStreams[id]?.unsentBytes == 0 { lingeringStreams[id] = nil }
    lastTraffic = lastSent
    guard phase == .open, !isInTurn else { return }
    if isDraining || !queue.isEmpty || !isReading || !heldUpStreams.isEmpty { awaitTurn() }
  }

  /// Output was sent: those that stream may add some.
  func resumeStreams() {
    guard !heldUpStreams.isEmpty, hasRoom else { return }
    let mostUnsentBytes = Self.streamOutputBytes / (unsentBytes <= Self.connectionOutputBytes / 2 ? 2 : 4)
    // What they add now goes out when the loop has looked at its sockets: else one that reads fast would have it to itself.
    isInTurn = true
    for id in heldUpStreams where (streams[id]?.unsentBytes ?? 0) <= mostUnsentBytes {
      heldUpStreams.remove(id)
      dispatcher.creditGranted(to: CallID(id), on: self)
    }
    isInTurn = false
    if needsFlush { awaitLaterTurn() }
  }

  // MARK: Ends of streams

  /// Ends a call in its caller's stead, and sees to it that nobody works on it any more.
  func fail(_ id: HTTP2StreamID, _ error: RPCError) {
    guard let stream = streams[id] else { return }
    end(id, error)
    abandon(id, stream)
  }

  /// Ends a stream with a failure.
  func end(_ id: HTTP2StreamID, _ error: RPCError) {
    var trailers: HPACKHeaders =
      streams[id]?.hasHead == true ? [:] : [":status": "200", "content-type": "application/grpc"]
    if error.code == .unimplemented { trailers.add(name: "grpc-accept-encoding", value: "identity,gzip") }
    GRPCTrailers.add(error, to: &trailers)
    finish(id, trailers)
  }

  /// Writes the last headers of a stream, and forgets it.
  func finish(_ id: HTTP2StreamID, _ trailers: HPACKHeaders) {
    guard let stream = remove(id) else { return }
    var trailers = trailers
    trailers.add(stream.trailingMetadata)
    if stream.unsentBytes > 0 {
      lingeringStreams[id] = LingeringStream(unsentBytes: stream.unsentBytes, lastSent: stream.lastSent)
    }
    writeLast(id, .headers(.init(headers: trailers, endStream: true)), isInputEnded: stream.isInputEnded)
  }

  /// Writes what ends a stream. Nobody is interested in the rest of its request: that is said when all else is sent, for it
  /// would throw away what waits for a window.
  private func writeLast(_ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload, isInputEnded: Bool) {
    guard !isInputEnded, let context else { return write(id, payload) }
    unfinishedInputs.insert(id)
    let promise = eventLoop.makePromise(of: Void.self)
    promise.futureResult.whenComplete { result in
      guard self.unfinishedInputs.remove(id) != nil, case .success = result, self.phase != .closed else { return }
      self.reset(id, .noError)
      self.awaitTurn()
    }
    context.write(wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: promise)
    needsFlush = true
  }

  /// A stream that never came to be a call.
  func refuse(_ id: HTTP2StreamID, _ error: RPCError, isInputEnded: Bool) {
    var headers: HPACKHeaders = [":status": "200", "content-type": "application/grpc"]
    headers.add(name: "grpc-accept-encoding", value: "identity,gzip")
    GRPCTrailers.add(error, to: &headers)
    writeLast(id, .headers(.init(headers: headers, endStream: true)), isInputEnded: isInputEnded)
  }

  /// The same for what is no gRPC.
  func refuse(_ id: HTTP2StreamID, _ status: Int, _ text: String, isInputEnded: Bool) {
    write(id, .headers(.init(headers: [":status": "\(status)", "content-type": "text/plain; charset=utf-8"])))
    let body = ByteBuffer(string: text + "\n")
    writeLast(id, .data(.init(data: .byteBuffer(body), endStream: true)), isInputEnded: isInputEnded)
  }

  func reset(_ id: HTTP2StreamID, _ code: HTTP2ErrorCode) { write(id, .rstStream(code)) }

  func write(_ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload) {
    guard let context else { return }
    context.write(wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: nil)
    needsFlush = true
  }
}

extension HPACKHeaders {
  fileprivate mutating func add(_ metadata: [Metadata]) {
    for entry in metadata { add(name: entry.key, value: entry.value) }
  }
}
