internal import TailraceWire

/// How far a group has come in a partition.
public struct OffsetAndMetadata: Hashable, Sendable {
  /// The next offset to read.
  public var offset: Int64
  /// Anything, at most 4,096 bytes.
  public var metadata: String
  /// The partition's epoch when the last record was read: lets a reader learn of a log that fell back. Nil: not told.
  public var epoch: Int?
  /// When it was committed, milliseconds since 1970; nil: it was not yet.
  public private(set) var committedAtMs: Int64?

  /// An offset to commit: that of the next record to read.
  public init(_ offset: Int64, metadata: String = "", epoch: Int? = nil) {
    self.offset = offset
    self.metadata = metadata
    self.epoch = epoch
  }

  /// As stored; nil where nothing is.
  init?(_ stored: CommittedOffset) {
    guard stored.offset >= 0 else { return nil }
    self.init(stored.offset, metadata: stored.metadata, epoch: stored.lastEpoch.map { Int($0) })
    committedAtMs = stored.committedAtMs
  }
}

extension OffsetCommit {
  /// Fails with INVALID_ARGUMENT where partition or epoch is not a number of one.
  init(_ partition: TopicPartition, _ offset: OffsetAndMetadata) throws(TailraceError) {
    self.init(
      topic: partition.topic, partition: try AdminClient.number(partition), offset: offset.offset,
      metadata: offset.metadata)
    guard let epoch = offset.epoch else { return }
    guard let value = UInt32(exactly: epoch) else {
      throw TailraceError(.invalidArgument, "\(partition): \(epoch) is not an epoch")
    }
    lastEpoch = value
  }
}

extension [TopicPartitions] {
  /// One entry a topic. Fails with INVALID_ARGUMENT where a partition is not a number of one.
  init(grouping partitions: some Sequence<TopicPartition>) throws(TailraceError) {
    self = []
    for partition in Set(partitions).sorted() {
      let number = try AdminClient.number(partition)
      if last?.topic == partition.topic {
        self[count - 1].partitions.append(number)
      } else {
        append(TopicPartitions(topic: partition.topic, partitions: [number]))
      }
    }
  }

  /// By topic and number.
  var partitions: [TopicPartition] {
    flatMap { entry in entry.partitions.map { TopicPartition(entry.topic, Int($0)) } }.sorted()
  }
}
