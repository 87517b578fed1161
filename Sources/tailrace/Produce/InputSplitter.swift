import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Cuts a stream of bytes into pieces.
///
/// Memory is bounded by the longest piece allowed plus what is appended at a time. A piece that is longer is an error,
/// and skipped: what follows it comes next.
struct InputSplitter {
  /// Where a piece ends.
  enum Framing: Hashable, Sendable {
    /// At this byte and nowhere else; behind the last piece it may be missing.
    case delimiter(UInt8)
    /// Four bytes before each piece, big-endian, are its length; 0xFFFFFFFF stands for a piece that is absent.
    case lengths
    /// At the end of the stream.
    case end
  }

  /// A piece: its bytes, without what frames it. Absent and empty differ.
  struct Piece: Hashable, Sendable {
    let bytes: ByteBuffer?
  }

  enum Failure: Error, Hashable {
    /// A piece is longer than `maxBytes`.
    case tooLong(maxBytes: Int)
    /// The stream ends within a piece, or within its length.
    case truncated
  }

  /// The length that stands for an absent piece.
  static let absentLength = UInt32.max

  let framing: Framing
  /// The longest piece, in bytes.
  let maxBytes: Int
  private var buffer = ByteBuffer()
  /// Bytes at the buffer's front in which no delimiter is.
  private var scannedBytes = 0
  /// Whether the buffer begins within a piece that was too long.
  private var isSkipping = false
  /// How much of such a piece is still to come, where its length is known.
  private var bytesToSkip = 0

  init(_ framing: Framing, maxBytes: Int) {
    self.framing = framing
    self.maxBytes = maxBytes
  }

  /// Lets `fill` append to the stream. Returns what `fill` returns.
  mutating func fill(_ fill: (inout ByteBuffer) throws(SystemError) -> Int) throws(SystemError) -> Int {
    buffer.discardReadBytes()
    return try fill(&buffer)
  }

  /// The next whole piece, or nil until more is appended.
  mutating func next() throws(Failure) -> Piece? {
    switch framing {
    case .delimiter(let byte): try nextDelimited(byte)
    case .lengths: try nextOfLength()
    case .end: try checkUnended()
    }
  }

  /// What follows the last whole piece, once the stream is at its end and `next` has returned nil; nil where nothing
  /// does. Then it may begin anew.
  mutating func finish() throws(Failure) -> Piece? {
    defer {
      buffer.clear()
      (scannedBytes, isSkipping, bytesToSkip) = (0, false, 0)
    }
    switch framing {
    case .delimiter: return buffer.readableBytes == 0 || isSkipping ? nil : Piece(bytes: buffer)
    case .lengths:
      // What is skipped was told of already.
      guard buffer.readableBytes == 0 || bytesToSkip > 0 else { throw .truncated }
      return nil
    case .end: return isSkipping ? nil : Piece(bytes: buffer)
    }
  }

  private mutating func nextDelimited(_ delimiter: UInt8) throws(Failure) -> Piece? {
    while true {
      guard let length = length(to: delimiter) else { return try checkUnended() }
      scannedBytes = 0
      let piece = buffer.readSlice(length: length)
      buffer.moveReaderIndex(forwardBy: 1)
      if isSkipping {
        isSkipping = false
        continue
      }
      guard length <= maxBytes else { throw .tooLong(maxBytes: maxBytes) }
      return Piece(bytes: piece)
    }
  }

  /// Nothing in the buffer ends a piece.
  private mutating func checkUnended() throws(Failure) -> Piece? {
    scannedBytes = buffer.readableBytes
    guard isSkipping || scannedBytes > maxBytes else { return nil }
    buffer.clear()
    scannedBytes = 0
    guard !isSkipping else { return nil }
    isSkipping = true
    throw .tooLong(maxBytes: maxBytes)
  }

  private mutating func nextOfLength() throws(Failure) -> Piece? {
    let skipped = min(bytesToSkip, buffer.readableBytes)
    buffer.moveReaderIndex(forwardBy: skipped)
    bytesToSkip -= skipped
    guard bytesToSkip == 0, let prefix: UInt32 = buffer.getInteger(at: buffer.readerIndex) else { return nil }
    let prefixBytes = MemoryLayout<UInt32>.size
    guard prefix != Self.absentLength else {
      buffer.moveReaderIndex(forwardBy: prefixBytes)
      return Piece(bytes: nil)
    }
    let length = Int(prefix)
    guard length <= maxBytes else {
      buffer.moveReaderIndex(forwardBy: prefixBytes)
      bytesToSkip = length
      throw .tooLong(maxBytes: maxBytes)
    }
    guard buffer.readableBytes - prefixBytes >= length else { return nil }
    buffer.moveReaderIndex(forwardBy: prefixBytes)
    return Piece(bytes: buffer.readSlice(length: length))
  }

  private func length(to delimiter: UInt8) -> Int? {
    buffer.withUnsafeReadableBytes { bytes in
      guard let base = bytes.baseAddress, bytes.count > scannedBytes,
        let end = memchr(base + scannedBytes, Int32(delimiter), bytes.count - scannedBytes)
      else { return nil }
      return UnsafeRawPointer(end) - base
    }
  }
}
