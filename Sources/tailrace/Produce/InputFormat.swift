import NIOCore
import TailraceWire

/// How the input is cut into pieces, and what record a piece stands for.
struct InputFormat {
  enum Framing: Hashable, Sendable {
    case lines
    case nul
    /// `isKeyed`: a key of its own, absent or not, is before each value.
    case lengths(isKeyed: Bool)
    /// A whole file is one value.
    case whole

    /// What a record is called in messages: "line 3".
    var unit: String { self == .lines ? "line" : "record" }

    var splitting: InputSplitter.Framing {
      switch self {
      case .lines: .delimiter(0x0A)
      case .nul: .delimiter(0)
      case .lengths: .lengths
      case .whole: .end
      }
    }
  }

  enum Content {
    /// A piece is a value, or a key and a value.
    case bytes(KeyExtraction)
    /// The same in hexadecimal digits; `-` is absent. The separator stands between key and value.
    case hex(separator: [UInt8]?)
    /// A JSON object, as `tailrace consume --format json` prints it.
    case json
  }

  var framing = Framing.lines
  var content = Content.bytes(.none)
  /// Of records that have none of their own.
  var key: ByteBuffer?
  /// Behind the record's own.
  var headers: [Header] = []
  /// Whether an empty value counts as absent.
  var makesTombstones = false
  /// Values are JSON in the input, and what this makes of them in the record; nil: they stay as they are.
  var encoder: PayloadEncoder?

  /// The record that a piece stands for; nil for a blank line between JSON texts.
  func record(of piece: InputSplitter.Piece) throws(InputError) -> InputRecord? {
    guard let bytes = piece.bytes else { return completed(InputRecord()) }
    switch content {
    case .bytes(let keys):
      if encoder != nil, framing == .lines, !makesTombstones, bytes.isBlank { return nil }
      return completed(try encoded(try keys.record(of: bytes)))
    case .hex(let separator): return completed(try HexReader.record(of: bytes, separator: separator))
    case .json: return try RecordJSONReader.record(of: bytes, encoder: encoder).map(completed)
    }
  }

  /// The record with the message that its value stands for.
  func encoded(_ record: InputRecord) throws(InputError) -> InputRecord {
    guard let encoder, let value = record.value else { return record }
    var record = record
    record.value = makesTombstones && value.readableBytes == 0 ? nil : try encoder.message(of: value)
    return record
  }

  /// The record with what all get.
  func completed(_ record: InputRecord) -> InputRecord {
    var record = record
    record.key = record.key ?? key
    record.headers += headers
    // The message without fields is empty, too, and is a value.
    if makesTombstones && encoder == nil && record.value?.readableBytes == 0 { record.value = nil }
    return record
  }

  /// The longest piece worth reading, where a batch is at most `maxBatchBytes`: JSON writes some bytes as six.
  func maxPieceBytes(maxBatchBytes: Int) -> Int {
    if encoder != nil { return PayloadEncoder.maxBytes }
    return switch content {
    case .bytes: maxBatchBytes
    case .hex: 2 * maxBatchBytes
    case .json: 6 * maxBatchBytes + (64 << 10)
    }
  }
}

/// Reads records of hexadecimal digits.
enum HexReader {
  static func record(of line: ByteBuffer, separator: [UInt8]?) throws(InputError) -> InputRecord {
    let split = separator.map { KeyExtraction.split(line, at: $0) } ?? InputRecord(value: line)
    var record = InputRecord()
    if let key = split.key { record.key = try bytes(of: key, "the key") }
    if let value = split.value { record.value = try bytes(of: value, "the value") }
    return record
  }

  private static func bytes(of text: ByteBuffer, _ name: String) throws(InputError) -> ByteBuffer? {
    let text = text.readableBytesView
    if text.elementsEqual(CollectionOfOne(UInt8(ascii: "-"))) { return nil }
    guard text.count.isMultiple(of: 2) else { throw InputError("\(name) has an odd number of hexadecimal digits") }
    var bytes = ByteBuffer()
    bytes.reserveCapacity(text.count / 2)
    var high: UInt8?
    for character in text {
      guard let digit = digit(character) else { throw InputError("\(name) is not in hexadecimal digits") }
      if let first = high {
        bytes.writeInteger(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    return bytes
  }

  private static func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
