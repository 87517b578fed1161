import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A line longer than what is allowed.
struct LineTooLong: Error, Hashable {
  let maxBytes: Int
}

/// Cuts a stream of bytes into lines. Lines end at a line feed and nowhere else; the last one may lack it.
///
/// Memory is bounded by the longest line allowed plus what is appended at a time.
struct LineSplitter {
  /// The longest line, without its line feed, in bytes.
  let maxLineBytes: Int
  private var buffer = ByteBuffer()
  /// Bytes at the buffer's front in which no line feed is.
  private var scannedBytes = 0

  init(maxLineBytes: Int) {
    self.maxLineBytes = maxLineBytes
  }

  /// Lets `fill` append to the stream. Returns what `fill` returns.
  mutating func fill(_ fill: (inout ByteBuffer) throws(SystemError) -> Int) throws(SystemError) -> Int {
    buffer.discardReadBytes()
    return try fill(&buffer)
  }

  /// The next whole line without its line feed, or nil until more is appended.
  mutating func next() throws(LineTooLong) -> ByteBuffer? {
    guard let length = lengthOfLine() else {
      scannedBytes = buffer.readableBytes
      guard scannedBytes <= maxLineBytes else { throw LineTooLong(maxBytes: maxLineBytes) }
      return nil
    }
    scannedBytes = 0
    guard length <= maxLineBytes else { throw LineTooLong(maxBytes: maxLineBytes) }
    let line = buffer.readSlice(length: length)
    buffer.moveReaderIndex(forwardBy: 1)
    return line
  }

  /// What follows the last line feed, once the stream is at its end; nil where nothing does.
  mutating func finish() -> ByteBuffer? {
    scannedBytes = 0
    return buffer.readableBytes == 0 ? nil : buffer.readSlice(length: buffer.readableBytes)
  }

  private func lengthOfLine() -> Int? {
    buffer.withUnsafeReadableBytes { bytes in
      guard let base = bytes.baseAddress, bytes.count > scannedBytes,
        let end = memchr(base + scannedBytes, 0x0A, bytes.count - scannedBytes)
      else { return nil }
      return UnsafeRawPointer(end) - base
    }
  }
}
