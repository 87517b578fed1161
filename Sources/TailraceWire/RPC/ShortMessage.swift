/// A serialised message of a few bytes, held without a buffer: the answers that are given millions of times a second.
package struct ShortMessage: Sendable {
  /// Most bytes there can be.
  package static let capacity = 40

  @usableFromInline var bytes = InlineArray<40, UInt8>(repeating: 0)
  package private(set) var count = 0

  package init() {}

  package mutating func append(_ byte: UInt8) {
    precondition(count < Self.capacity)
    bytes[count] = byte
    count += 1
  }

  /// Appends a varint's field: up to eleven bytes. As protobuf has it, what is 0 is left out.
  package mutating func appendField(_ tag: UInt8, _ value: UInt64) {
    guard value != 0 else { return }
    append(tag)
    Varint.forEachByte(of: value) { append($0) }
  }

  /// Bytes that a varint's field takes.
  package static func byteCount(ofField value: UInt64) -> Int { value == 0 ? 0 : 1 + Varint.byteCount(value) }

  @inlinable package func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    Swift.withUnsafeBytes(of: bytes) { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
  }
}
