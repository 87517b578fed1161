package import NIOCore

/// Writes frames of the native door.
///
/// Not Sendable: confined to its user, such as one connection on its event loop.
package struct FrameEncoder {
  private let limits: FrameLimits
  private let arena: Arena

  package init(limits: FrameLimits = .default, arena: Arena = Arena(initialBytes: 512, limitBytes: 256 << 10)) {
    self.limits = limits
    self.arena = arena
  }

  /// Longest message that fits into a response's frame, whatever its header, in bytes.
  package var maxResponseBytes: Int { limits.maxFrameBytes - 2 - maxOKHeaderBytes }

  /// Writes all of a successful unary response's frame but its message, whose `messageBytes` must follow.
  /// `messageBytes` is at most `maxResponseBytes`. Returns how many bytes it wrote.
  @discardableResult package func writeResponsePrefix(
    _ callID: UInt64, messageBytes: Int, isLast: Bool = true, reconnectAdvised: Bool = false,
    to buffer: inout ByteBuffer
  ) -> Int {
    write(
      callID, messageBytes: messageBytes, isLast: isLast, reconnectAdvised: reconnectAdvised,
      message: UnsafeRawBufferPointer(start: nil, count: 0), to: &buffer)
  }

  /// Writes all of a successful unary response's frame, whose `message` is at most `maxResponseBytes`. Returns how many
  /// bytes it wrote.
  package func writeResponse(
    _ callID: UInt64, _ message: UnsafeRawBufferPointer, reconnectAdvised: Bool = false, to buffer: inout ByteBuffer
  ) -> Int {
    write(
      callID, messageBytes: message.count, isLast: true, reconnectAdvised: reconnectAdvised, message: message,
      to: &buffer)
  }

  /// Writes a response's frame up to the end of `message`, which is all of it or nothing.
  @inline(__always) private func write(
    _ callID: UInt64, messageBytes: Int, isLast: Bool, reconnectAdvised: Bool, message: UnsafeRawBufferPointer,
    to buffer: inout ByteBuffer
  ) -> Int {
    let headerBytes = 1 + Varint.byteCount(callID) + (isLast ? 2 : 0) + (reconnectAdvised ? 2 : 0)
    return buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 6 + headerBytes + message.count) { memory in
      memory.storeBytes(of: UInt32(truncatingIfNeeded: 2 + headerBytes + messageBytes).bigEndian, as: UInt32.self)
      memory.storeBytes(of: UInt16(truncatingIfNeeded: headerBytes).bigEndian, toByteOffset: 4, as: UInt16.self)
      memory[6] = 0x08  // call_id
      var at = putVarint(callID, memory, at: 7)
      if isLast {
        memory[at] = 0x18  // end_of_stream
        memory[at + 1] = 1
        at += 2
      }
      if reconnectAdvised {
        memory[at] = 0x28
        memory[at + 1] = 1
        at += 2
      }
      guard !message.isEmpty else { return at }
      UnsafeMutableRawBufferPointer(rebasing: memory[at...]).copyMemory(from: message)
      return at + message.count
    }
  }

  /// Writes the frame of a failure. `callID` 0: the connection's own, which ends with it.
  package func writeFailure(
    _ callID: UInt64, _ error: RPCError, reconnectAdvised: Bool = false, to buffer: inout ByteBuffer
  ) {
    let room = max(0, limits.maxHeaderBytes - failureOverheadBytes)
    var status = error.status
    status.message = printable(status.message, maxBytes: room)
    let header = ResponseHeader(
      callID: callID, status: status, endOfStream: true, reconnectAdvised: reconnectAdvised)
    do throws(EncodeError) {
      try writePrefix(header, messageBytes: 0, to: &buffer)
    } catch {
      // The one string in it was made printable and cut to fit.
      preconditionFailure("a failure could not be encoded: \(error)")
    }
  }

  /// Writes a response frame with any header.
  package func writeResponse(
    _ header: ResponseHeader, message: ByteBuffer, to buffer: inout ByteBuffer
  ) throws(EncodeError) {
    try writePrefix(header, messageBytes: message.readableBytes, to: &buffer)
    buffer.writeImmutableBuffer(message)
  }

  /// Writes all of a request frame but its message, whose `messageBytes` must follow. Throws where header or frame pass
  /// their limits, with `buffer` as it was.
  package func writeRequestPrefix(
    _ header: RequestHeader, messageBytes: Int, to buffer: inout ByteBuffer
  ) throws(EncodeError) {
    try writePrefix(header, messageBytes: messageBytes, to: &buffer)
  }

  /// Writes a request frame. Throws where header or frame pass their limits, with `buffer` as it was.
  package func writeRequest(
    _ header: RequestHeader, message: ByteBuffer, to buffer: inout ByteBuffer
  ) throws(EncodeError) {
    try writePrefix(header, messageBytes: message.readableBytes, to: &buffer)
    buffer.writeImmutableBuffer(message)
  }

  private func writePrefix(
    _ header: some WireMessage, messageBytes: Int, to buffer: inout ByteBuffer
  ) throws(EncodeError) {
    let start = buffer.writerIndex
    buffer.writeMultipleIntegers(0 as UInt32, 0 as UInt16)
    do throws(EncodeError) {
      let headerBytes = try header.encode(into: &buffer, arena: arena)
      let (length, overflow) = (2 + headerBytes).addingReportingOverflow(messageBytes)
      guard !overflow, headerBytes <= limits.maxHeaderBytes, length <= limits.maxFrameBytes else {
        throw EncodeError(kind: .tooLarge, path: "")
      }
      buffer.setInteger(UInt32(truncatingIfNeeded: length), at: start)
      buffer.setInteger(UInt16(truncatingIfNeeded: headerBytes), at: start + 4)
    } catch {
      buffer.moveWriterIndex(to: start)
      throw error
    }
  }
}

/// call_id (11), end_of_stream (2), reconnect_advised (2).
private let maxOKHeaderBytes = 15
/// All of a failure's header but the message's text: tags, lengths and numbers.
private let failureOverheadBytes = 64

private func putVarint(_ value: UInt64, _ memory: UnsafeMutableRawBufferPointer, at start: Int) -> Int {
  var at = start
  Varint.forEachByte(of: value) { byte in
    memory[at] = byte
    at += 1
  }
  return at
}

/// `text` without control characters, cut to `maxBytes` of UTF-8 at a character's end.
func printable(_ text: String, maxBytes: Int) -> String {
  let isPlain = text.utf8.count <= maxBytes && !text.utf8.contains { $0 < 0x20 && $0 != 0x0A && $0 != 0x09 }
  if isPlain { return text }
  var result = ""
  var room = maxBytes
  for scalar in text.unicodeScalars {
    let isControl = scalar.value < 0x20 && scalar != "\n" && scalar != "\t"
    let next: Unicode.Scalar = isControl ? "\u{FFFD}" : scalar
    room -= UTF8.width(next)
    if room < 0 { break }
    result.unicodeScalars.append(next)
  }
  return result
}
