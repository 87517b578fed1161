import NIOCore

/// Takes records out of a stream of bytes, as its format says, and counts them.
struct InputReader {
  private enum Key {
    case read(ByteBuffer?)
    /// What was to be the key is none: the value that follows belongs to nothing.
    case faulty
  }

  private let format: InputFormat
  private var splitter: InputSplitter
  private var pendingKey: Key?
  /// The record, or line, that `next` returned or threw at last; from 1 on in each stream.
  private(set) var number = 0

  init(_ format: InputFormat, maxBatchBytes: Int) {
    self.format = format
    splitter = InputSplitter(
      format.framing.splitting, maxBytes: format.maxPieceBytes(maxBatchBytes: maxBatchBytes))
  }

  /// Lets `fill` append to the stream. Returns what `fill` returns.
  mutating func fill(_ fill: (inout ByteBuffer) throws(SystemError) -> Int) throws(SystemError) -> Int {
    try splitter.fill(fill)
  }

  /// The next record; nil until more is appended. After an error the next call goes on behind what is no record.
  mutating func next() throws(InputError) -> InputRecord? {
    while true {
      let piece: InputSplitter.Piece?
      do throws(InputSplitter.Failure) {
        piece = try splitter.next()
      } catch {
        try fail(error)
        continue
      }
      guard let piece else { return nil }
      if let record = try take(piece) { return record }
    }
  }

  /// The last record, once the stream is at its end: nil where nothing follows the one before. Then another stream may
  /// begin.
  mutating func finish() throws(InputError) -> InputRecord? {
    defer { pendingKey = nil }
    let piece: InputSplitter.Piece?
    do throws(InputSplitter.Failure) {
      piece = try splitter.finish()
    } catch {
      piece = nil
      try fail(error)
    }
    if let piece { return try take(piece) }
    if case .read = pendingKey { throw InputError("the input ends between a key and its value") }
    return nil
  }

  /// Another stream begins.
  mutating func restart() { number = 0 }

  private mutating func take(_ piece: InputSplitter.Piece) throws(InputError) -> InputRecord? {
    guard format.framing == .lengths(isKeyed: true) else {
      number += 1
      return try format.record(of: piece)
    }
    switch pendingKey {
    case nil:
      number += 1
      pendingKey = .read(piece.bytes)
      return nil
    case .faulty:
      pendingKey = nil
      return nil
    case .read(let key):
      pendingKey = nil
      return format.completed(try format.encoded(InputRecord(key: key, value: piece.bytes)))
    }
  }

  private mutating func fail(_ failure: InputSplitter.Failure) throws(InputError) {
    switch pendingKey {
    case .faulty:
      pendingKey = nil
      return
    case .read: pendingKey = nil
    case nil:
      number += 1
      if format.framing == .lengths(isKeyed: true) { pendingKey = .faulty }
    }
    switch failure {
    case .tooLong(let maxBytes):
      throw InputError("longer than \(maxBytes) bytes: no batch of this topic holds it, see max_batch_bytes")
    case .truncated: throw InputError("the input ends within it")
    }
  }
}
