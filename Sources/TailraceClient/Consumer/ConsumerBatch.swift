/// Records of one partition, one after the other.
public struct ConsumerBatch: Hashable, Sendable {
  /// Where they come from.
  public let topicPartition: TopicPartition
  /// By offset, at least one. Between offsets may be gaps, where the log was compacted.
  public let records: [ConsumerRecord]
  /// End of what could be read in the partition when the last of them were fetched, exclusive.
  public let highWatermark: Int64

  /// A batch of these, such as a test makes.
  public init(_ topicPartition: TopicPartition, records: [ConsumerRecord], highWatermark: Int64) {
    self.topicPartition = topicPartition
    self.records = records
    self.highWatermark = highWatermark
  }

  /// Of the first record; 0 where there is none.
  public var firstOffset: Int64 { records.first?.offset ?? 0 }

  /// Of the last record, inclusive; -1 where there is none.
  public var lastOffset: Int64 { records.last?.offset ?? -1 }
}
