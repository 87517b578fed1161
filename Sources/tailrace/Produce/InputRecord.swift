import NIOCore
import TailraceWire

/// A record as the input has it.
struct InputRecord: Hashable, Sendable {
  var key: ByteBuffer?
  var value: ByteBuffer?
  var headers: [Header] = []
  /// Milliseconds since 1970, not negative; nil: now.
  var timestampMs: Int64?
  /// Nil: the key's hash picks it, or the turn is.
  var partition: UInt32?

  /// Bytes that the record takes in a batch, at most.
  var maxEncodedBytes: Int {
    // A tag and the longest length of a length-delimited field; six such or shorter fields in a record at most.
    let framing = 8
    let headerBytes = headers.reduce(0) { $0 + $1.key.utf8.count + ($1.value?.readableBytes ?? 0) + 3 * framing }
    return (key?.readableBytes ?? 0) + (value?.readableBytes ?? 0) + headerBytes + 6 * framing
  }
}

/// Why a line is no record that can be sent.
struct InputError: Error, Hashable, Sendable, CustomStringConvertible {
  let message: String

  init(_ message: String) { self.message = message }

  var description: String { message }
}
