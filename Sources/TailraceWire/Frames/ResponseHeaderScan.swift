package import NIOCore

/// A response's header as a client needs it: the usual one, of a call that went well, is read without an allocation.
package struct ResponseHeaderScan: Sendable {
  /// 0: about the connection.
  package let callID: UInt64
  package let failure: RPCError?
  package let isLast: Bool
  package let reconnectAdvised: Bool
  /// Wait this long before the next call, milliseconds.
  package let throttleMs: UInt32
  package let metadata: [Metadata]

  /// Reads the readable bytes of `header`.
  package init(_ header: ByteBuffer, arena: Arena, limits: FrameLimits = .default) throws(FrameError) {
    if let callID = plainCallID(header) {
      self.callID = callID
      self.failure = nil
      self.isLast = true
      self.reconnectAdvised = false
      self.throttleMs = 0
      self.metadata = []
      return
    }
    let decodeLimits = DecodeLimits(maxBytes: limits.maxHeaderBytes)
    guard let full = try? ResponseHeader(decoding: header, arena: arena, limits: decodeLimits) else {
      throw .malformedHeader
    }
    self.callID = full.callID
    self.failure = RPCError(full.status)
    self.isLast = full.endOfStream
    self.reconnectAdvised = full.reconnectAdvised
    self.throttleMs = full.throttleMs
    self.metadata = full.metadata
  }
}

/// The call_id of a header that holds that and end_of_stream = true, nothing else; nil where there is more or less.
private func plainCallID(_ header: ByteBuffer) -> UInt64? {
  header.withUnsafeReadableBytes { bytes in
    guard bytes.count >= 4, bytes.count <= 12, bytes[0] == 0x08 else { return nil }
    let end = bytes.count - 2
    guard bytes[end] == 0x18, bytes[end + 1] == 1 else { return nil }
    var value: UInt64 = 0
    for index in 1..<end {
      // Nine bytes of seven bits; longer numbers are left to protobuf-c.
      guard index <= 9 else { return nil }
      value |= UInt64(bytes[index] & 0x7F) << UInt64(7 * (index - 1))
      let isLast = bytes[index] & 0x80 == 0
      if isLast { return index == end - 1 ? value : nil }
    }
    return nil
  }
}
