package import NIOCore

/// A topic's identity: 16 random bytes, never used again, so that a topic made anew under an old name is another one.
package struct TopicID: Hashable, Comparable, Sendable, CustomStringConvertible {
  private let high: UInt64
  fileprivate let low: UInt64

  /// The number of bytes of an id.
  package static let byteCount = 16

  /// The id of these two halves, the first eight bytes and the last, big-endian.
  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Draws an id.
  package static func random(using generator: inout some RandomNumberGenerator) -> TopicID {
    TopicID(high: generator.next(), low: generator.next())
  }

  /// Reads an id from exactly 16 bytes, else nil.
  package init?(bytes: UnsafeRawBufferPointer) {
    guard bytes.count == Self.byteCount else { return nil }
    high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
    low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
  }

  /// The same.
  package init?(_ bytes: ByteBuffer) {
    guard let id = bytes.withUnsafeReadableBytes({ TopicID(bytes: $0) }) else { return nil }
    self = id
  }

  /// Reads an id from 32 hexadecimal digits, else nil.
  package init?(hexadecimal text: some StringProtocol) {
    guard text.utf8.count == 32, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
      let high = UInt64(text.prefix(16), radix: 16), let low = UInt64(text.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }

  /// By the bytes, the first one first.
  package static func < (first: TopicID, second: TopicID) -> Bool {
    (first.high, first.low) < (second.high, second.low)
  }

  /// The 16 bytes.
  package var bytes: ByteBuffer {
    var buffer = ByteBufferAllocator().buffer(capacity: Self.byteCount)
    buffer.writeTopicID(self)
    return buffer
  }

  fileprivate func write(to buffer: inout ByteBuffer) { buffer.writeMultipleIntegers(high, low) }

  /// 32 lower-case hexadecimal digits.
  package var description: String {
    func digits(_ value: UInt64) -> String {
      let text = String(value, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }
    return digits(high) + digits(low)
  }
}

extension ByteBuffer {
  /// Appends the 16 bytes of `id`.
  package mutating func writeTopicID(_ id: TopicID) { id.write(to: &self) }
}

/// One partition of one topic.
package struct PartitionID: Hashable, Sendable, CustomStringConvertible {
  package let topic: TopicID
  /// Counted from 0.
  package let index: UInt32

  package init(topic: TopicID, index: UInt32) {
    self.topic = topic
    self.index = index
  }

  package var description: String { "\(topic)/\(index)" }

  /// Ids are drawn, so half of one is as good as all of it.
  package func hash(into hasher: inout Hasher) { hasher.combine(topic.low ^ UInt64(index)) }
}

extension PartitionID: Comparable {
  /// By topic id, then by index.
  package static func < (first: PartitionID, second: PartitionID) -> Bool {
    first.topic == second.topic ? first.index < second.index : first.topic < second.topic
  }
}
