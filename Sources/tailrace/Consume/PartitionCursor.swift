import TailraceWire

/// How far a partition has been read.
struct PartitionCursor: Hashable, Sendable {
  let partition: UInt32
  /// The next offset wanted.
  private(set) var offset: Int64
  /// Nothing from here on is wanted; nil: no end.
  let end: Int64?
  /// The epoch of the last batch that was read.
  private(set) var lastEpoch: UInt32?

  init(partition: UInt32, offset: Int64, end: Int64?) {
    self.partition = partition
    self.offset = offset
    self.end = end
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
}
