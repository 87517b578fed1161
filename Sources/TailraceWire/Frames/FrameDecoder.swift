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
/// Feed each read with `receive` and then take frames with `next` until it returns nil; or, all that a read brought at
/// once, with `wholeFrames` and `takeRequests`. A frame that is cut by the end of a read is copied, once, into a buffer of
/// its own, so at most one frame is ever held, and no large receive buffer stays behind for the sake of a few bytes.
/// Memory is taken for bytes that are there, never for a length that was announced.
package struct FrameDecoder: ~Copyable, Sendable {
  /// A frame's length in bytes, all of it, and its header's.
  private struct Extent {
    let headerBytes: Int
    let frameBytes: Int

    /// Of the frame at the front, whole or not; nil while its lengths are not there. The frame's length alone is judged
    /// as soon as it is there.
    init?(_ bytes: UnsafeRawBufferPointer, _ limits: FrameLimits) throws(FrameError) {
      guard bytes.count >= 4 else { return nil }
      let length = Int(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
      guard length >= 2 else { throw .frameTooShort(length: length) }
      guard length <= limits.maxFrameBytes else {
        throw .frameTooLong(length: length, maxBytes: limits.maxFrameBytes)
      }
      guard bytes.count >= lengthBytes else { return nil }
      let headerLength = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self)))
      guard headerLength <= length - 2 else {
        throw .headerPastFrame(headerLength: headerLength, frameLength: length)
      }
      guard headerLength <= limits.maxHeaderBytes else {
        throw .headerTooLong(length: headerLength, maxBytes: limits.maxHeaderBytes)
      }
      headerBytes = headerLength
      frameBytes = 4 + length
    }

    init?(_ bytes: ByteBuffer, _ limits: FrameLimits) throws(FrameError) {
      guard let extent = try bytes.withUnsafeReadableBytes({ raw throws(FrameError) in try Extent(raw, limits) }) else {
        return nil
      }
      self = extent
    }
  }

  private let limits: FrameLimits
  /// The frame that has begun, from its length field on: all that came of it, and nothing else. At least a byte.
  private(set) var partial: ByteBuffer?
  /// Whether that is a whole frame.
  private var isPartialWhole = false
  /// What was received and not looked at yet. At least a byte.
  private var incoming: ByteBuffer?
  /// Buffers of frames that were cut and are handed out, oldest first: one that nobody holds any more serves again.
  private var spares: [ByteBuffer] = []
  private let maxSpares: Int

  /// `maxSpares`: how many buffers of cut frames are kept to be used again, so that a stream of large frames does not
  /// take fresh pages from the kernel for each.
  package init(limits: FrameLimits = .default, maxSpares: Int = 0) {
    self.limits = limits
    self.maxSpares = maxSpares
  }

  /// Bytes held for the frame that is not complete yet.
  package var partialBytes: Int { partial?.readableBytes ?? 0 }

  /// Bytes that the frame which is not complete yet lacks; 0 where there is none, or its length is not known.
  package var missingBytes: Int {
    guard let partial, !isPartialWhole, let extent = try? Extent(partial, limits) else { return 0 }
    return extent.frameBytes - partial.readableBytes
  }

  /// Bytes held in all: those and what was received and not taken yet.
  package var bufferedBytes: Int { partialBytes + (incoming?.readableBytes ?? 0) }

  /// Takes over the bytes of one read.
  package mutating func receive(_ bytes: ByteBuffer) {
    guard bytes.readableBytes > 0 else { return }
    if incoming == nil { incoming = bytes } else { incoming?.writeImmutableBuffer(bytes) }
  }

  /// The next frame, or nil until more is received. Throws as soon as the lengths alone show that a frame is not
  /// acceptable; the decoder is of no further use then.
  package mutating func next() throws(FrameError) -> Frame? {
    guard var bytes = try wholeFrames(), let extent = try Extent(bytes, limits) else { return nil }
    bytes.moveReaderIndex(forwardBy: lengthBytes)
    guard let header = bytes.readSlice(length: extent.headerBytes),
      let message = bytes.readSlice(length: extent.frameBytes - lengthBytes - extent.headerBytes)
    else { return nil }
    consume(extent.frameBytes)
    return Frame(header: header, message: message)
  }

  /// Bytes with a whole frame at their front, of which `next` and `takeRequests` take; nil until more is received. Throws
  /// as `next` does.
  package mutating func wholeFrames() throws(FrameError) -> ByteBuffer? {
    if partial != nil { try completePartial() } else { try stashCutFrame() }
    return partial == nil ? incoming : (isPartialWhole ? partial : nil)
  }

  /// Shows the requests at the front of `wholeFrames` to `take`, one by one: what the header says, and where in those
  /// bytes the message lies. Returns when no whole frame is left, or `take` returned false: then that frame is the next
  /// one still. Throws as `next` does, where a header is malformed, and what `take` throws.
  package mutating func takeRequests(
    _ take: (RequestHeaderScan, Range<Int>) throws(FrameError) -> Bool
  ) throws(FrameError) {
    guard let bytes = partial ?? incoming else { return }
    let (first, limits) = (bytes.readerIndex, limits)
    let taken = try bytes.withUnsafeReadableBytes { raw throws(FrameError) -> Int in
      var rest = raw
      while let extent = try Extent(rest, limits), rest.count >= extent.frameBytes {
        let header = try RequestHeaderScan(rest.part(at: lengthBytes, count: extent.headerBytes))
        let start = first + raw.count - rest.count
        let message = start + lengthBytes + extent.headerBytes..<start + extent.frameBytes
        guard try take(header, message) else { break }
        rest = rest.part(at: extent.frameBytes, count: rest.count - extent.frameBytes)
      }
      return raw.count - rest.count
    }
    consume(taken)
  }

  private mutating func completePartial() throws(FrameError) {
    guard !isPartialWhole else { return }
    // Lengths first: how much more belongs to this frame is known only with them.
    movePartial(to: lengthBytes)
    // Looked at in place: a copy at hand would have all of it copied with the next write.
    let limits = limits
    let found = try partial?.withUnsafeReadableBytes { raw throws(FrameError) in try Extent(raw, limits) }
    guard let extent = found ?? nil else { return }
    movePartial(to: extent.frameBytes)
    isPartialWhole = partialBytes == extent.frameBytes
  }

  /// Moves bytes to the frame that has begun until it has `byteCount`, as far as there are any.
  private mutating func movePartial(to byteCount: Int) {
    let missing = byteCount - partialBytes
    guard missing > 0, let available = incoming?.readableBytes,
      let slice = incoming?.readSlice(length: min(missing, available))
    else { return }
    partial?.writeImmutableBuffer(slice)
    if missing >= available { incoming = nil }
  }

  /// Where what is there is not a whole frame, it is kept in a buffer of its own.
  private mutating func stashCutFrame() throws(FrameError) {
    guard let bytes = incoming else { return }
    if let extent = try Extent(bytes, limits), bytes.readableBytes >= extent.frameBytes { return }
    var copy = takeSpare()
    copy.writeImmutableBuffer(bytes)
    partial = copy
    incoming = nil
  }

  /// `byteCount` bytes at the front were taken.
  private mutating func consume(_ byteCount: Int) {
    guard byteCount > 0 else { return }
    if let whole = partial {
      partial = nil
      isPartialWhole = false
      keep(whole)
    } else if byteCount == incoming?.readableBytes {
      incoming = nil
    } else {
      incoming?.moveReaderIndex(forwardBy: byteCount)
    }
  }

  private mutating func keep(_ whole: ByteBuffer) {
    guard maxSpares > 0, whole.storageCapacity <= mostSpareBytes else { return }
    if spares.count == maxSpares { spares.removeFirst() }
    spares.append(whole)
  }

  /// An empty buffer.
  private mutating func takeSpare() -> ByteBuffer {
    for index in spares.indices where spares[index].modifyIfUniquelyOwned({ $0.clear() }) != nil {
      return spares.remove(at: index)
    }
    return ByteBuffer()
  }
}

/// Bytes of a frame's two length fields.
private let lengthBytes = 6
/// A buffer that is larger is not kept.
private let mostSpareBytes = 4 << 20

extension UnsafeRawBufferPointer {
  /// Bytes that are known to be there.
  fileprivate func part(at start: Int, count: Int) -> UnsafeRawBufferPointer {
    assert(start >= 0 && count >= 0 && start + count <= self.count)
    return UnsafeRawBufferPointer(start: baseAddress.map { $0 + start }, count: count)
  }
}
