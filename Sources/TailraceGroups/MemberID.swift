/// The id of a group's member: drawn by the broker, or chosen by the client. 1 to 255 bytes of UTF-8 without control
/// characters.
package struct MemberID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The longest id, in bytes of UTF-8.
  package static let maxBytes = 255

  package let text: String

  /// Nil where `text` is not a legal id.
  package init?(_ text: String) {
    guard (1...Self.maxBytes).contains(text.utf8.count), !text.hasControlCharacters else { return nil }
    self.text = text
  }

  /// In the order of their UTF-8, which is the same on every machine.
  package static func < (first: MemberID, second: MemberID) -> Bool {
    first.text.utf8.lexicographicallyPrecedes(second.text.utf8)
  }

  package var description: String { text }

  /// Byte by byte: what only looks the same is another one, as it is in the log.
  package static func == (first: MemberID, second: MemberID) -> Bool {
    first.text.utf8.elementsEqual(second.text.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
