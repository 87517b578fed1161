import NIOCore

/// What lines are.
enum InputFormat {
  /// A line is a value, or a key and a value.
  case text(KeyExtraction)
  /// A line is a JSON object, as `tailrace consume --format json` prints it.
  case json

  /// The record that a line stands for; nil for a blank line between JSON objects.
  func record(of line: ByteBuffer) throws(InputError) -> InputRecord? {
    switch self {
    case .text(let keys): return keys.record(of: line)
    case .json: return try RecordJSONReader.record(of: line)
    }
  }

  /// The longest line worth reading, where a batch is at most `maxBatchBytes`: JSON writes some bytes as six.
  func maxLineBytes(maxBatchBytes: Int) -> Int {
    switch self {
    case .text: maxBatchBytes
    case .json: 6 * maxBatchBytes + (64 << 10)
    }
  }
}
