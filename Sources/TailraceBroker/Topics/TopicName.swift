package import TailraceWire

/// The name of a topic: 1 to 200 of `A-Z a-z 0-9 . _ -`, but not "." or "..".
package struct TopicName: Hashable, Sendable, CustomStringConvertible {
  package static let maxBytes = 200
  /// Names that begin so belong to the broker.
  package static let internalPrefix = "__"

  package let text: String

  /// Throws INVALID_ARGUMENT with what is wrong.
  package init(_ text: String) throws(RPCError) {
    func refused(_ why: String) -> RPCError {
      RPCError(.invalidArgument, "topic name '\(text.excerpt)' \(why)", error: .invalidTopicName)
    }
    guard (1...Self.maxBytes).contains(text.utf8.count) else {
      throw refused("has \(text.utf8.count) characters; 1 to \(Self.maxBytes) are allowed")
    }
    guard text.utf8.allSatisfy(Self.isAllowed) else {
      throw refused("may only contain letters, digits, '.', '_' and '-'")
    }
    guard text != ".", text != ".." else { throw refused("is not allowed") }
    self.text = text
  }

  /// Whether the topic belongs to the broker.
  package var isInternal: Bool { text.hasPrefix(Self.internalPrefix) }

  package var description: String { text }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
