package import TailraceWire

/// The name of a producer: 1 to 255 bytes of UTF-8 without control characters.
package struct ProducerName: Hashable, Sendable, CustomStringConvertible {
  package static let maxBytes = 255

  package let text: String

  /// Throws INVALID_ARGUMENT with what is wrong.
  package init(_ text: String) throws(RPCError) {
    guard (1...Self.maxBytes).contains(text.utf8.count) else {
      throw RPCError(
        .invalidArgument, "producer_name has \(text.utf8.count) bytes; 1 to \(Self.maxBytes) are allowed",
        error: .invalidRequest)
    }
    guard !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
      throw RPCError(
        .invalidArgument, "producer_name holds a control character; none is allowed", error: .invalidRequest)
    }
    self.text = text
  }

  package var description: String { text }
}
