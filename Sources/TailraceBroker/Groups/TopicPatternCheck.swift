internal import TailraceGroups
internal import TailraceWire

/// Looks through a pattern before the system's matcher does, which trusts it: it goes as deep as there are groups, and
/// copies each part as often as it is repeated, also by `+`, one inside of the other.
struct TopicPatternCheck {
  /// What repetitions may add to a pattern's parts. It takes the matcher a time that grows with the parts' third power:
  /// a quarter of a second for so many.
  static let maxAddedParts = 500

  private let pattern: String
  private var rest: Substring.UTF8View
  /// Parts in the group that is being read, and in those around it before it.
  private var parts = 0
  private var outer: [Int] = []
  /// Parts in what a repetition would be about.
  private var last = 0
  private var added = 0

  /// Throws INVALID_ARGUMENT with what is wrong.
  static func check(_ pattern: String) throws(RPCError) {
    var check = TopicPatternCheck(pattern)
    guard (1...TopicCatalog.maxPatternBytes).contains(pattern.utf8.count), !pattern.utf8.contains(0) else {
      throw check.refused(
        "has \(pattern.utf8.count) bytes; 1 to \(TopicCatalog.maxPatternBytes) without NUL are allowed")
    }
    try check.run()
  }

  private init(_ pattern: String) {
    self.pattern = pattern
    rest = pattern[...].utf8
  }

  private func refused(_ why: String) -> RPCError {
    RPCError(.invalidArgument, "topic_pattern '\(pattern.excerpt)' \(why)")
  }

  private mutating func run() throws(RPCError) {
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "("):
        outer.append(parts)
        (parts, last) = (0, 0)
      case UInt8(ascii: ")"):
        // The matcher would take it for a sign like others, or for the end of what stands around the pattern.
        guard let before = outer.popLast() else { throw refused("has a ')' without its '('; write '\\)'") }
        last = parts
        parts += before
      case UInt8(ascii: "|"): last = 0
      case UInt8(ascii: "*"), UInt8(ascii: "?"): break
      case UInt8(ascii: "+"): try multiply(by: 2)
      case UInt8(ascii: "{"): try multiply(by: try repetition())
      case UInt8(ascii: "["):
        try skipBrackets()
        add()
      case UInt8(ascii: "\\"):
        try skipEscaped()
        add()
      default: add()
      }
    }
    guard outer.isEmpty else { throw refused("has a '(' without its ')'; write '\\('") }
  }

  private mutating func add() {
    last = 1
    parts += 1
  }

  private mutating func multiply(by factor: Int) throws(RPCError) {
    let more = last * (factor - 1)
    added += more
    parts += more
    last += more
    guard added <= Self.maxAddedParts else {
      throw refused("repeats its parts too often: they may become \(Self.maxAddedParts) more by that")
    }
  }

  /// How often the matcher copies a part for the counts up to "}": at least 1, and little more than is allowed at most.
  private mutating func repetition() throws(RPCError) -> Int {
    var counts = [0]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "}"): return max(1, counts[0] + (counts.count > 1 ? 1 : 0), counts[counts.count - 1])
      case UInt8(ascii: ","): counts.append(0)
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        let digit = Int(byte - UInt8(ascii: "0"))
        counts[counts.count - 1] = min(counts[counts.count - 1] * 10 + digit, Self.maxAddedParts + 2)
      default: throw refused("has a '{' that begins no repetition; write '\\{'")
      }
    }
    throw refused("has a '{' without its '}'; write '\\{'")
  }

  private mutating func skipEscaped() throws(RPCError) {
    guard let byte = rest.popFirst() else { throw refused("ends in a '\\'; write '\\\\'") }
    guard !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else {
      throw refused("has a back reference; those are not supported")
    }
  }

  /// Up to the "]" that belongs to a "[". There a "\" is a sign like others.
  private mutating func skipBrackets() throws(RPCError) {
    if rest.first == UInt8(ascii: "^") { rest.removeFirst() }
    // In the first place it is a sign like others.
    if rest.first == UInt8(ascii: "]") { rest.removeFirst() }
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "]") { return }
      guard byte == UInt8(ascii: "["), let kind = rest.first else { continue }
      switch kind {
      case UInt8(ascii: ":"): try skipClass()
      case UInt8(ascii: "."), UInt8(ascii: "="):
        throw refused("has a collating element or an equivalence class; those are not supported")
      default: continue
      }
    }
    throw refused("has a '[' without its ']'; write '\\['")
  }

  /// A class like "[:digit:]", from its first ":".
  private mutating func skipClass() throws(RPCError) {
    rest.removeFirst()
    while let byte = rest.popFirst(),
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: ":")
    {
      guard byte == UInt8(ascii: ":") else { continue }
      guard rest.popFirst() == UInt8(ascii: "]") else { break }
      return
    }
    throw refused("has a '[:' that begins no class of signs")
  }
}
