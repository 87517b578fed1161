package import NIOCore
package import TailraceWire

/// How far a partition has been read.
package struct PartitionCursor: Hashable, Sendable {
  package let id: TopicPartition
  /// Guards each request against a topic that was deleted and created again; empty: no guard.
  package let topicID: ByteBuffer
  /// The next offset wanted.
  package private(set) var offset: Int64
  /// Nothing from here on is wanted; nil: no end.
  package let end: Int64?
  /// The epoch of the last batch that was read.
  package private(set) var lastEpoch: UInt32?

  package init(_ id: TopicPartition, topicID: ByteBuffer, offset: Int64, end: Int64?, lastEpoch: UInt32? = nil) {
    self.id = id
    self.topicID = topicID
    self.offset = offset
    self.end = end
    self.lastEpoch = lastEpoch
  }

  package var isAtEnd: Bool { end.map { offset >= $0 } ?? false }

  /// The offsets that are wanted of a batch, and the place behind it; nil where nothing of it is wanted.
  package mutating func advance(over header: RecordBatchHeader) -> Range<Int64>? {
    guard let next = header.nextOffset, next.rawValue > offset, !isAtEnd else { return nil }
    let wanted = offset..<min(next.rawValue, end ?? .max)
    offset = next.rawValue
    lastEpoch = header.partitionEpoch
    return wanted
  }

  /// Goes on elsewhere, where the partition does not hold what is wanted.
  package mutating func move(to offset: Int64) {
    self.offset = offset
    lastEpoch = nil
  }
}
