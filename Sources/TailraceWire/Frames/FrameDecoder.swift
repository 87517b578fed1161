package import NIOCore

/// One frame: slices of the bytes that were received.
package struct Frame: Hashable, Sendable {
  package let header: ByteBuffer
  package let message: ByteBuffer
}

/// Cuts what comes in into frames, without copying those that come in whole.
///
/// ```
/// +---------------+----------------+---------+----------+
/// | u32 length    | u16 header len | header  | message  |     big-endian; `length` counts every byte after itself
/// +---------------+----------------+---------+----------+
/// ```
///
/// Feed each read with `receive` and then take frames with `next` until it returns nil. A frame that is cut by the end
/// of a read is copied, once, into a buffer of its own, so at most one frame is ever held, and no large receive buffer
/// stays behind for the sake of a few bytes. Memory is taken for bytes that are there, never for a length that was
/// announced.
package struct FrameDecoder: Sendable {
  private let limits: FrameLimits
  /// Bytes of the frame that has begun, from its length field on; less than that frame.
  private var partial = ByteBuffer()
  /// What was received and not looked at yet.
  private var incoming = ByteBuffer()

  package init(limits: FrameLimits = .default) {
    self.limits = limits
  }

  /// Bytes held for the frame that is not complete yet.
  package var partialBytes: Int { partial.readableBytes }

  /// Takes over the bytes of one read.
  package mutating func receive(_ bytes: ByteBuffer) {
    if incoming.readableBytes == 0 {
      incoming = bytes
    } else {
      incoming.writeImmutableBuffer(bytes)
    }
  }

  /// The next frame, or nil until more is received. Throws as soon as the lengths alone show that a frame is not
  /// acceptable; the decoder is of no further use then.
  package mutating func next() throws(FrameError) -> Frame? {
    if partial.readableBytes > 0 { return try completePartial() }
    guard let length = try frameLength(incoming), incoming.readableBytes >= length else {
      stashIncoming()
      return nil
    }
    return takeFrame(&incoming, length: length)
  }

  private mutating func completePartial() throws(FrameError) -> Frame? {
    // Lengths first: how much more belongs to this frame is known only with them.
    if partial.readableBytes < lengthBytes {
      move(lengthBytes - partial.readableBytes)
    }
    guard let length = try frameLength(partial) else { return nil }
    move(length - partial.readableBytes)
    guard partial.readableBytes == length else { return nil }
    var whole = partial
    partial = ByteBuffer()
    return takeFrame(&whole, length: length)
  }

  /// Moves up to `count` bytes to the frame that has begun.
  private mutating func move(_ count: Int) {
    guard count > 0, let slice = incoming.readSlice(length: min(count, incoming.readableBytes)) else { return }
    partial.writeImmutableBuffer(slice)
    if incoming.readableBytes == 0 { incoming = ByteBuffer() }
  }

  private mutating func stashIncoming() {
    if incoming.readableBytes > 0 {
      partial = ByteBuffer()
      partial.writeImmutableBuffer(incoming)
    }
    incoming = ByteBuffer()
  }

  /// Bytes of the whole frame at the front of `buffer`, length field included; nil while its lengths are not there.
  /// The frame's length alone is judged as soon as it is there.
  private func frameLength(_ buffer: ByteBuffer) throws(FrameError) -> Int? {
    let start = buffer.readerIndex
    guard let length = buffer.getInteger(at: start, as: UInt32.self).map({ Int($0) }) else { return nil }
    guard length >= 2 else { throw .frameTooShort(length: length) }
    guard length <= limits.maxFrameBytes else {
      throw .frameTooLong(length: length, maxBytes: limits.maxFrameBytes)
    }
    guard let headerLength = buffer.getInteger(at: start + 4, as: UInt16.self).map({ Int($0) }) else { return nil }
    guard headerLength <= length - 2 else {
      throw .headerPastFrame(headerLength: headerLength, frameLength: length)
    }
    guard headerLength <= limits.maxHeaderBytes else {
      throw .headerTooLong(length: headerLength, maxBytes: limits.maxHeaderBytes)
    }
    return 4 + length
  }

  /// Takes a frame whose `length` bytes are known to be there.
  private func takeFrame(_ buffer: inout ByteBuffer, length: Int) -> Frame? {
    guard let headerLength = buffer.getInteger(at: buffer.readerIndex + 4, as: UInt16.self).map({ Int($0) }) else {
      return nil
    }
    buffer.moveReaderIndex(forwardBy: lengthBytes)
    guard let header = buffer.readSlice(length: headerLength),
      let message = buffer.readSlice(length: length - lengthBytes - headerLength)
    else { return nil }
    return Frame(header: header, message: message)
  }
}

/// Bytes of a frame's two length fields.
private let lengthBytes = 6
