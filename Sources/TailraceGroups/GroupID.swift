/// The name of a consumer group: 1 to 255 bytes of UTF-8 without control characters.
package struct GroupID: Hashable, Sendable, CustomStringConvertible {
  /// The longest name, in bytes of UTF-8.
  package static let maxBytes = 255

  package let name: String

  /// Nil where `name` is not a legal one.
  package init?(_ name: String) {
    guard (1...Self.maxBytes).contains(name.utf8.count), !name.hasControlCharacters else { return nil }
    self.name = name
  }

  package var description: String { name }

  /// Byte by byte: what only looks the same is another one, as it is in the log.
  package static func == (first: GroupID, second: GroupID) -> Bool {
    first.name.utf8.elementsEqual(second.name.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    var name = name
    name.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

extension String {
  /// Whether it has any of Unicode's control characters: U+0000 to U+001F and U+007F to U+009F, now and forever.
  var hasControlCharacters: Bool {
    unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
  }
}
