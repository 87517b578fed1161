import NIOCore
import TailraceWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Where in a line its key is.
enum KeyExtraction {
  /// Nowhere: the line is the value.
  case none
  /// Before the first occurrence of these bytes, which are at least one; the value is after it.
  case separator([UInt8])
  /// What the expression's first group captures, or all that it matches where it has no group; the line is the value.
  case regex(BytePattern)
  /// What lies there in the line, which is a JSON text and the value: a string's characters, a number's digits, the text
  /// of anything else; none where it is null or not there.
  case field(JSONPath)

  /// The record of a line: without a key where there is none in it. Throws where it has to be JSON and is not.
  func record(of line: ByteBuffer) throws(InputError) -> InputRecord {
    switch self {
    case .none: InputRecord(value: line)
    case .separator(let separator): Self.split(line, at: separator)
    case .regex(let pattern): InputRecord(key: pattern.firstCapture(in: line), value: line)
    case .field(let path): InputRecord(key: try Self.key(of: line, at: path), value: line)
    }
  }

  /// Both sides of the first occurrence of `separator`; the whole line as a value where it is not in it.
  static func split(_ line: ByteBuffer, at separator: [UInt8]) -> InputRecord {
    guard let place = line.withUnsafeReadableBytes({ firstIndex(of: separator, in: $0) }) else {
      return InputRecord(value: line)
    }
    let valueStart = line.readerIndex + place + separator.count
    return InputRecord(
      key: line.getSlice(at: line.readerIndex, length: place),
      value: line.getSlice(at: valueStart, length: line.writerIndex - valueStart))
  }

  private static func firstIndex(of separator: [UInt8], in bytes: UnsafeRawBufferPointer) -> Int? {
    guard let first = separator.first, let base = bytes.baseAddress else { return nil }
    var start = 0
    while bytes.count - start >= separator.count,
      let found = memchr(base + start, Int32(first), bytes.count - separator.count + 1 - start)
    {
      let place = UnsafeRawPointer(found) - base
      if memcmp(found, separator, separator.count) == 0 { return place }
      start = place + 1
    }
    return nil
  }

  private static func key(of line: ByteBuffer, at path: JSONPath) throws(InputError) -> ByteBuffer? {
    let json: JSONValue
    do throws(JSONParseError) {
      json = try JSONParser.parse(line)
    } catch {
      throw InputError("not a JSON text: \(error)")
    }
    switch path.value(in: json) {
    case nil, .null?: return nil
    case .string(let text)?: return ByteBuffer(string: text)
    case let value?:
      var writer = JSONWriter()
      writer.value(value)
      return ByteBuffer(bytes: writer.bytes)
    }
  }
}
