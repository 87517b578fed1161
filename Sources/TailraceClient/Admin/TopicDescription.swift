internal import NIOCore
internal import TailraceWire

/// A topic in short.
public struct TopicListing: Hashable, Sendable {
  /// Its name.
  public var name: String
  /// 32 hexadecimal digits, never used again: a topic that is made anew under an old name has another.
  public var id: String
  /// How many partitions: they are counted from 0.
  public var partitionCount: Int
  /// Belongs to the broker.
  public var isInternal: Bool
}

/// A topic as it stands.
public struct TopicDescription: Hashable, Sendable {
  /// A partition as it stands.
  public struct Partition: Hashable, Sendable {
    /// Counted from 0.
    public var partition: Int
    /// The lowest offset that is there.
    public var logStartOffset: Int64
    /// End of what may be read, exclusive.
    public var highWatermark: Int64
    /// End of what is on disk, exclusive.
    public var durableEndOffset: Int64
    /// End of what is written, exclusive.
    public var logEndOffset: Int64
    /// Rises when the log's end may have fallen back, after a crash.
    public var epoch: Int
    /// Bytes of its segments.
    public var sizeBytes: Int64
    /// Number of its segments.
    public var segmentCount: Int
    /// What is wrong with it; nil: nothing.
    public var fault: String?
  }

  /// Its name.
  public var name: String
  /// 32 hexadecimal digits, never used again.
  public var id: String
  /// Belongs to the broker.
  public var isInternal: Bool
  /// When it was created, milliseconds since 1970.
  public var createdAtMs: Int64
  /// In order.
  public var partitions: [Partition]
  /// What differs from the defaults, by name.
  public var config: [String: String]
}

extension TopicListing {
  init(_ summary: TopicSummary?) {
    let summary = summary ?? TopicSummary()
    name = summary.name
    id = TopicID.text(summary.topicID)
    partitionCount = Int(summary.partitionCount)
    isInternal = summary.internal
  }
}

extension TopicDescription {
  init(_ response: DescribeTopicResponse) {
    let topic = TopicListing(response.topic)
    name = topic.name
    id = topic.id
    isInternal = topic.isInternal
    createdAtMs = response.createdAtMs
    partitions = response.partitions.map { Partition($0) }
    config = Dictionary(response.config.map { ($0.name, $0.value) }) { $1 }
  }
}

extension TopicDescription.Partition {
  fileprivate init(_ wire: PartitionDescription) {
    partition = Int(wire.partition)
    logStartOffset = wire.logStartOffset
    highWatermark = wire.highWatermark
    durableEndOffset = wire.durableEndOffset
    logEndOffset = wire.logEndOffset
    epoch = Int(wire.partitionEpoch)
    sizeBytes = Int64(clamping: wire.sizeBytes)
    segmentCount = Int(wire.segmentCount)
    fault = wire.fault.isEmpty ? nil : wire.fault
  }
}

extension TopicID {
  /// 32 hexadecimal digits; empty where the bytes are no id.
  static func text(_ bytes: ByteBuffer) -> String { TopicID(bytes)?.description ?? "" }
}
