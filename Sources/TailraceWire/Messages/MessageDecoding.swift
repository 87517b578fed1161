internal import CTailraceWire
package import NIOCore

extension WireMessage {
  /// Decodes the readable bytes of `buffer`.
  ///
  /// Unknown fields are ignored. Payload fields become slices of `buffer`, which keep it alive; all else is copied.
  /// The arena is left as empty as it was.
  package init(decoding buffer: ByteBuffer, arena: Arena, limits: DecodeLimits = .default) throws(DecodeError) {
    let wasEmpty = arena.usedBytes == 0
    defer { if wasEmpty { arena.reset() } }
    self = try buffer.withUnsafeReadableBytes { bytes in
      unpackMessage(bytes, of: buffer, arena: arena, limits: limits, sliced: !Self.payloadPath.isEmpty)
    }.get()
  }

  /// Decodes the readable bytes of `buffer` with memory of its own, of which it takes at most `limits.arenaBytes`.
  package init(decoding buffer: ByteBuffer, limits: DecodeLimits = .default) throws(DecodeError) {
    if limits.arenaBytes == DecodeLimits.default.arenaBytes {
      self = try ArenaPool.decoding.withArena { arena throws(DecodeError) in
        try Self(decoding: buffer, arena: arena, limits: limits)
      }
      return
    }
    // Enough for most small messages, and never much for one that is refused.
    let initialBytes = min(max(512, buffer.readableBytes), 16 * 1024)
    let arena = Arena(initialBytes: initialBytes, limitBytes: limits.arenaBytes)
    try self.init(decoding: buffer, arena: arena, limits: limits)
  }
}

private func unpackMessage<M: WireMessage>(
  _ bytes: UnsafeRawBufferPointer, of buffer: ByteBuffer, arena: Arena, limits: DecodeLimits, sliced: Bool
) -> Result<M, DecodeError> {
  let data = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
  var cLimits = trw_unpack_limits(max_bytes: max(0, limits.maxBytes), max_depth: limits.maxDepth)
  var error = trw_unpack_error()
  var slices = trw_slices()
  let path = M.payloadPath
  let unpacked =
    sliced
    ? path.withUnsafeBufferPointer { path in
      trw_unpack_sliced(
        M.cDescriptor, arena.pointer, data, bytes.count, &cLimits, path.baseAddress, path.count, &slices, &error)
    }
    : trw_unpack(M.cDescriptor, arena.pointer, data, bytes.count, &cLimits, &error)
  guard let unpacked else {
    return .failure(DecodeError(error, messageName: M.fullName))
  }
  let useSlices = sliced && !slices.copied
  var reader = MessageReader(
    source: buffer, slices: useSlices ? UnsafeBufferPointer(start: slices.items, count: slices.count) : nil)
  let message = unpacked.withMemoryRebound(to: M.CMessage.self, capacity: 1) { M(reading: $0, &reader) }
  if useSlices && !reader.usedEverySlice {
    // Slices and messages do not correspond. The shim promises that they do; payloads must never be mixed up if a later
    // protobuf-c breaks that.
    return unpackMessage(bytes, of: buffer, arena: arena, limits: limits, sliced: false)
  }
  return .success(message)
}
