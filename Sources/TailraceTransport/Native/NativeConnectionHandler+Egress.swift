internal import DequeModule
internal import NIOCore
internal import TailraceWire

/// Messages up to this many bytes are copied behind their header: cheaper than a piece of their own.
private let gatheredMessageBytes = 32 << 10
/// Gathered output is handed to the channel at this many bytes.
private let gatherBytes = 256 << 10
/// A gather buffer above this is not kept between batches.
private let keptGatherBytes = 32 << 10
/// The channel has at most so many bytes at a time, but for small pieces: what a socket takes at once is written in one
/// go, while the loop's other connections wait.
private let windowBytes = 256 << 10
/// An answer of this many bytes in memory may be refused where output piles up.
private let largeAnswerBytes = 64 << 10

// From answers to bytes.
extension NativeConnectionHandler {
  /// Bytes of output not sent yet.
  var outputBytes: Int { unsentBytes + gatheredBytes }

  /// Writes the answer to a call, where it is still in flight.
  func answer(_ response: Response, to call: CallID) {
    guard phase == .open, let clientID = calls.remove(call) else { return }
    switch response {
    case .message(let message):
      writeMessage(message, to: clientID)
    case .short(let message): message.withUnsafeBytes { writeWhole($0, to: clientID) }
    case .chunks(let chunks):
      writeChunks(chunks, to: clientID)
    case .failure(let error):
      writeFailure(error, to: clientID)
    case .end:
      gatheredBytes += encoder.writeResponsePrefix(
        clientID, messageBytes: 0, reconnectAdvised: isDraining, to: &gather)
    }
  }

  /// Writes one of the messages of a call that streams.
  func stream(_ message: Response, to call: CallID) {
    guard phase == .open, let chunks = message.chunks else { return }
    let count = chunks.byteCount
    guard let clientID = calls.spend(count, of: call) else { return }
    gatheredBytes += encoder.writeResponsePrefix(
      clientID, messageBytes: count, isLast: false, reconnectAdvised: isDraining, to: &gather)
    write(chunks)
  }

  private func write(_ chunks: [Chunk]) {
    for chunk in chunks {
      switch chunk {
      case .bytes(let bytes): writeBytes(bytes)
      case .file(let file): writeFile(file)
      }
    }
  }

  func writeFailure(_ error: RPCError, to clientID: UInt64) {
    gatherFailure(error, to: clientID)
    if gatheredBytes >= gatherBytes { writeGathered() }
  }

  /// `clientID` 0: about the connection.
  func gatherFailure(_ error: RPCError, to clientID: UInt64) {
    encoder.writeFailure(clientID, error, reconnectAdvised: isDraining, to: &gather)
    gatheredBytes = gather.readableBytes
  }

  private func writeMessage(_ message: ByteBuffer, to clientID: UInt64) {
    let count = message.readableBytes
    if count >= largeAnswerBytes, let refusal = refusal(messageBytes: count, memoryBytes: count) {
      writeFailure(refusal, to: clientID)
      return
    }
    if count <= gatheredMessageBytes {
      message.withUnsafeReadableBytes { writeWhole($0, to: clientID) }
      return
    }
    gatheredBytes += encoder.writeResponsePrefix(
      clientID, messageBytes: count, reconnectAdvised: isDraining, to: &gather)
    writeBytes(message)
  }

  /// Writes an answer with a message that is copied behind its header.
  private func writeWhole(_ message: UnsafeRawBufferPointer, to clientID: UInt64) {
    gatheredBytes += encoder.writeResponse(clientID, message, reconnectAdvised: isDraining, to: &gather)
    if gatheredBytes >= gatherBytes { writeGathered() }
  }

  private func writeChunks(_ chunks: [Chunk], to clientID: UInt64) {
    let count = chunks.byteCount
    if let refusal = refusal(messageBytes: count, memoryBytes: chunks.memoryBytes) {
      writeFailure(refusal, to: clientID)
      return
    }
    gatheredBytes += encoder.writeResponsePrefix(
      clientID, messageBytes: count, reconnectAdvised: isDraining, to: &gather)
    write(chunks)
  }

  /// Why an answer cannot go out.
  private func refusal(messageBytes: Int, memoryBytes: Int) -> RPCError? {
    if messageBytes > encoder.maxResponseBytes {
      let message =
        "the answer has \(messageBytes) bytes, more than the \(encoder.maxResponseBytes) that fit into a frame;"
        + " ask for less at a time"
      return RPCError(.resourceExhausted, message, error: .limitReached)
    }
    // Calls taken before a limit was reached may all be answered after it. What is small is let through.
    guard memoryBytes >= largeAnswerBytes else { return nil }
    if outputBytes / 2 >= limits.maxBytesInFlight {
      let message = "\(outputBytes) bytes of answers wait to be read on this connection; read them, then try again"
      return RPCError(.resourceExhausted, message, error: .limitReached)
    }
    return budgetRefusal
  }

  private func writeBytes(_ bytes: ByteBuffer) {
    let count = bytes.readableBytes
    if count == 0 { return }
    if count <= gatheredMessageBytes {
      gather.writeImmutableBuffer(bytes)
      gatheredBytes += count
      if gatheredBytes >= gatherBytes { writeGathered() }
    } else {
      writeGathered()
      write(.byteBuffer(bytes), memoryBytes: count, count: count, keeping: nil)
    }
  }

  private func writeFile(_ file: FileChunk) {
    let count = file.region.readableBytes
    if count == 0 { return }
    writeGathered()
    write(.fileRegion(file.region), memoryBytes: 0, count: count, keeping: file)
  }

  /// Writes what is gathered past the channel, where that has nothing to write: all of it, or what the socket takes.
  private func writeDirectly() {
    guard gatheredBytes > 0, unsentBytes == 0, !needsFlush, let socket else { return }
    let count = gather.withUnsafeReadableBytes(socket.write)
    gatheredBytes -= count
    if gatheredBytes > 0 { gather.moveReaderIndex(forwardBy: count) } else { emptyGather() }
  }

  private func emptyGather() {
    if gather.capacity <= keptGatherBytes { gather.clear() } else { gather = ByteBuffer() }
  }

  /// Writes what is gathered, and gathers in the other buffer.
  private func writeGathered() {
    let count = gatheredBytes
    if count == 0 { return }
    gatheredBytes = 0
    swap(&gather, &spareGather)
    // Mostly nobody holds the other one any more, and it serves again.
    emptyGather()
    write(.byteBuffer(spareGather), memoryBytes: count, count: count, keeping: nil)
  }

  private func write(_ data: IOData, memoryBytes: Int, count: Int, keeping file: FileChunk?) {
    writeProgress.hand(count, wasEmpty: unsentBytes == 0, at: isInTurn ? now : eventLoop.now)
    unsentBytes += count
    unsentMemoryBytes += memoryBytes
    let piece = OutboundPiece(data: data, file: file)
    if backlog.isEmpty, channelBytes + count <= windowBytes {
      pass(piece, count: count, memoryBytes: memoryBytes)
    } else {
      backlog.append(piece)
    }
    settleLargeBudget()
  }

  /// Hands pieces of the backlog to the channel, as much as it is to have at a time.
  private func passBacklog(_ windowBytes: Int) {
    while channelBytes < windowBytes, var piece = backlog.popFirst() {
      let room = windowBytes - channelBytes
      if piece.count > room {
        let head = piece.split(room)
        backlog.prepend(piece)
        piece = head
      }
      pass(piece, count: piece.count, memoryBytes: piece.memoryBytes)
    }
  }

  private func pass(_ piece: OutboundPiece, count: Int, memoryBytes: Int) {
    guard let context else { return }
    channelBytes += count
    needsFlush = true
    let promise = eventLoop.makePromise(of: Void.self)
    let file = piece.file
    promise.futureResult.whenComplete { _ in
      withExtendedLifetime(file) {}
      self.didWrite(count, memoryBytes: memoryBytes)
    }
    context.write(wrapOutboundOut(piece.data), promise: promise)
  }

  private func didWrite(_ count: Int, memoryBytes: Int) {
    channelBytes -= count
    unsentBytes -= count
    unsentMemoryBytes -= memoryBytes
    guard !isInTurn, phase != .closed else { return }
    lastTraffic = eventLoop.now
    writeProgress.move(at: lastTraffic)
    settleBudget()
    guard phase == .open else { return }
    // Not for every piece, but once half of the room is there again.
    let hasRoom = outputBytes <= limits.maxBytesInFlight / 2
    let isWanted = !queue.isEmpty || !isReading
    if unsentBytes == 0 || (hasRoom && isWanted) || (channelBytes == 0 && !backlog.isEmpty) { awaitTurn() }
  }

  /// Writes and flushes what there is, as much as is a turn's share; with `all`, whatever there is.
  func flushOutput(all: Bool = false) {
    guard needsFlush || gatheredBytes > 0 || !backlog.isEmpty, let context else { return }
    lastTraffic = now
    writeDirectly()
    writeGathered()
    if !backlog.isEmpty { passBacklog(all ? .max : windowBytes) }
    if needsFlush {
      needsFlush = false
      context.flush()
    }
  }
}
