import NIOCore
import TailraceWire

/// How far a partition has been read.
struct PartitionCursor: Hashable, Sendable {
  let id: TopicPartition
  /// Guards each request against a topic that was deleted and created again; empty: no guard.
  let topicID: ByteBuffer
  /// The next offset wanted.
  private(set) var offset: Int64
  /// Nothing from here on is wanted; nil: no end.
  let end: Int64?
  /// The epoch of the last batch that was read.
  private(set) var lastEpoch: UInt32?

  init(_ id: TopicPartition, topicID: ByteBuffer, offset: Int64, end: Int64?, lastEpoch: UInt32? = nil) {
    self.id = id
    self.topicID = topicID
    self.offset = offset
    self.end = end
    self.lastEpoch = lastEpoch
  }

  var isAtEnd: Bool { end.map { offset >= $0 } ?? false }

  /// The offsets that are wanted of a batch, and the place behind it; nil where nothing of it is wanted.
  mutating func advance(over header: RecordBatchHeader) -> Range<Int64>? {
    guard let next = header.nextOffset, next.rawValue > offset, !isAtEnd else { return nil }
    let wanted = offset..<min(next.rawValue, end ?? .max)
    offset = next.rawValue
    lastEpoch = header.partitionEpoch
    return wanted
  }

  /// Goes on elsewhere, where the partition does not hold what is wanted.
  mutating func move(to offset: Int64) {
    self.offset = offset
    lastEpoch = nil
  }
}
