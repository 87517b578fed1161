/// A serialised message of a few bytes, held without a buffer: the answers that are given millions of times a second.
package struct ShortMessage: Sendable {
  /// Most bytes there can be.
  package static let capacity = 40

  private var bytes = InlineArray<40, UInt8>(repeating: 0)
  package private(set) var count = 0

  package init() {}

  package mutating func append(_ byte: UInt8) {
    precondition(count < Self.capacity)
    bytes[count] = byte
    count += 1
  }

  /// Appends a varint: up to ten bytes.
  package mutating func appendVarint(_ value: UInt64) {
    Varint.forEachByte(of: value) { append($0) }
  }

  /// Appends a message's field: tag, length, content. The content is shorter than 128 bytes, as all are here.
  package mutating func append(_ tag: UInt8, _ content: ShortMessage) {
    append(tag)
    append(UInt8(content.count))
    for index in 0..<content.count { append(content.bytes[index]) }
  }

  package func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    Swift.withUnsafeBytes(of: bytes) { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
  }
}
