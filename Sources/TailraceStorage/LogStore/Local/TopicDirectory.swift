package import TailraceWire

/// The name of a topic's directory: `<topic>@<topic id>`, with `.deleted` on its way out.
package struct TopicDirectory: Hashable, Sendable {
  package let topicName: String
  package let topic: TopicID
  /// Whether it is dropped and only waits to be removed.
  package let isDeleted: Bool

  init(topicName: String, topic: TopicID, isDeleted: Bool = false) {
    self.topicName = topicName
    self.topic = topic
    self.isDeleted = isDeleted
  }

  /// Reads a directory's name; nil where it is no topic's.
  init?(name: String) {
    guard let at = name.lastIndex(of: "@") else { return nil }
    var id = name[name.index(after: at)...]
    isDeleted = id.hasSuffix(Self.deletedSuffix)
    if isDeleted { id = id.dropLast(Self.deletedSuffix.count) }
    guard let topic = TopicID(hexadecimal: id), Self.isValid(topicName: String(name[..<at])) else { return nil }
    self.topic = topic
    topicName = String(name[..<at])
  }

  var name: String { "\(topicName)@\(topic)" + (isDeleted ? Self.deletedSuffix : "") }

  var deleted: TopicDirectory { TopicDirectory(topicName: topicName, topic: topic, isDeleted: true) }

  private static let deletedSuffix = ".deleted"

  /// Whether a topic may have this name: 1 to 200 of `A-Z a-z 0-9 . _ -`.
  package static func isValid(topicName: String) -> Bool {
    (1...200).contains(topicName.utf8.count)
      && topicName.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }
}
