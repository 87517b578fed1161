#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif
internal import Synchronization
package import TailraceWire

/// A pattern of topic names: a POSIX extended regular expression that a whole name has to match. Thread-safe.
///
/// The system's matcher takes time in proportion to the name, as long as there are no back references; what it makes of a
/// pattern grows with the repetitions in it. Both are bounded by `TopicPatternCheck`, since patterns come from outside.
package final class TopicPattern: @unchecked Sendable {
  // `regexec` does not change the expression as far as callers can tell: it has a lock of its own.
  private var expression = regex_t()

  /// Throws INVALID_ARGUMENT with what is wrong.
  package init(_ pattern: String) throws(RPCError) {
    try TopicPatternCheck.check(pattern)
    let status = regcomp(&expression, "^(\(pattern))$", REG_EXTENDED | REG_NOSUB)
    guard status == 0 else {
      var text = [CChar](repeating: 0, count: 200)
      regerror(status, &expression, &text, text.count)
      // Of what could not be made nothing is to be freed.
      expression = regex_t()
      let why = text.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
      throw RPCError(.invalidArgument, "topic_pattern '\(pattern.excerpt)' is no regular expression: \(why)")
    }
  }

  deinit { regfree(&expression) }

  package func matches(_ topic: String) -> Bool { regexec(&expression, topic, 0, nil, 0) == 0 }
}

/// The pattern that was last in use: names are looked through one pattern after the other. Thread-safe.
///
/// The system's matcher keeps what it learns from each name, a megabyte and more for patterns made to that end: so it is
/// made anew after a few.
final class TopicPatterns: Sendable {
  private static let mostNames = 16

  private struct Last {
    let text: String
    let pattern: TopicPattern
    var nameCount = 0
  }

  private let last = Mutex<Last?>(nil)

  /// False where the pattern is none.
  func matches(_ pattern: String, _ topic: String) -> Bool {
    last.withLock { last in
      if last?.text != pattern || last?.nameCount == Self.mostNames {
        last = (try? TopicPattern(pattern)).map { Last(text: pattern, pattern: $0) }
      }
      last?.nameCount += 1
      return last?.pattern.matches(topic) ?? false
    }
  }
}
