#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import Synchronization
internal import TailraceWire

/// A pattern of topic names: a POSIX extended regular expression that a whole name has to match. Thread-safe.
///
/// The system's matcher takes time in proportion to the name, as long as there are no back references; what it makes of a
/// pattern grows with the repetitions in it. Both are bounded here, since patterns come from outside.
final class TopicPattern: @unchecked Sendable {
  // `regexec` does not change the expression as far as callers can tell: it has a lock of its own.
  private var expression = regex_t()

  /// What all counted repetitions of a pattern may multiply it by, one inside of the other.
  private static let maxRepetitions = 1_000

  /// Throws INVALID_ARGUMENT with what is wrong.
  init(_ pattern: String) throws(RPCError) {
    try Self.check(pattern)
    let status = regcomp(&expression, "^(\(pattern))$", REG_EXTENDED | REG_NOSUB)
    guard status == 0 else {
      var text = [CChar](repeating: 0, count: 200)
      regerror(status, &expression, &text, text.count)
      let why = text.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
      throw RPCError(.invalidArgument, "topic_pattern '\(pattern.excerpt)' is no regular expression: \(why)")
    }
  }

  deinit { regfree(&expression) }

  func matches(_ topic: String) -> Bool { regexec(&expression, topic, 0, nil, 0) == 0 }

  private static func check(_ pattern: String) throws(RPCError) {
    func refused(_ why: String) -> RPCError {
      RPCError(.invalidArgument, "topic_pattern '\(pattern.excerpt)' \(why)")
    }
    var product = 1
    var count: Int?
    var isEscaped = false
    for byte in pattern.utf8 {
      let digit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) ? Int(byte - UInt8(ascii: "0")) : nil
      if isEscaped, let digit, digit > 0 { throw refused("has a back reference; those are not supported") }
      isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
      switch byte {
      case UInt8(ascii: "{"): count = 0
      case UInt8(ascii: ","), UInt8(ascii: "}"):
        // Each bound by itself: the higher one is the last.
        if let some = count { product *= max(1, some) }
        count = byte == UInt8(ascii: ",") && count != nil ? 0 : nil
      default: if let some = count, let digit { count = min(some * 10 + digit, maxRepetitions + 1) }
      }
      guard product <= maxRepetitions else {
        throw refused("repeats its parts \(product) times or more in all; at most \(maxRepetitions) are allowed")
      }
    }
  }
}

/// The patterns that are in use, each made once. Thread-safe.
final class TopicPatterns: Sendable {
  private static let mostKept = 1_000
  private let patterns = Mutex<[String: TopicPattern]>([:])

  /// False where the pattern is none.
  func matches(_ pattern: String, _ topic: String) -> Bool {
    let known = patterns.withLock { patterns -> TopicPattern? in
      if let known = patterns[pattern] { return known }
      guard let made = try? TopicPattern(pattern) else { return nil }
      if patterns.count >= Self.mostKept { patterns.removeAll() }
      patterns[pattern] = made
      return made
    }
    return known?.matches(topic) ?? false
  }
}
