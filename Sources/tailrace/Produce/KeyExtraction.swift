import NIOCore

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
  ///
  /// Unicode scalars are matched. A line that is not UTF-8 is matched as if each byte were a character of Latin-1.
  case regex(Regex<AnyRegexOutput>)

  /// Throws what is wrong with the pattern.
  static func regex(pattern: String) throws -> KeyExtraction {
    .regex(try Regex(pattern).matchingSemantics(.unicodeScalar))
  }

  /// The record of a line: without a key where the separator or a match is not in it.
  func record(of line: ByteBuffer) -> InputRecord {
    switch self {
    case .none: InputRecord(value: line)
    case .separator(let separator): Self.split(line, at: separator)
    case .regex(let regex): InputRecord(key: Self.key(of: line, regex), value: line)
    }
  }

  private static func split(_ line: ByteBuffer, at separator: [UInt8]) -> InputRecord {
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

  private static func key(of line: ByteBuffer, _ regex: Regex<AnyRegexOutput>) -> ByteBuffer? {
    if let text = line.withUnsafeReadableBytes({ String(validating: $0, as: UTF8.self) }) {
      return match(text, regex).map { ByteBuffer(substring: $0) }
    }
    var latin1 = String.UnicodeScalarView()
    latin1.append(contentsOf: line.readableBytesView.lazy.map { Unicode.Scalar($0) })
    return match(String(latin1), regex).map { key in
      ByteBuffer(bytes: key.unicodeScalars.lazy.map { UInt8(truncatingIfNeeded: $0.value) })
    }
  }

  private static func match(_ text: String, _ regex: Regex<AnyRegexOutput>) -> Substring? {
    guard let output = (try? regex.firstMatch(in: text))?.output else { return nil }
    return output.count > 1 ? output[1].substring : output[0].substring
  }
}
