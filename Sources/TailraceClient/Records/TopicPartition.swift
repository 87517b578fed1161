/// One partition of a topic, by the topic's name.
public struct TopicPartition: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The topic's name.
  public var topic: String
  /// Counted from 0.
  public var partition: Int

  /// Partition `partition` of `topic`.
  public init(_ topic: String, _ partition: Int) {
    self.topic = topic
    self.partition = partition
  }

  /// By topic, then by number.
  public static func < (first: Self, second: Self) -> Bool {
    (first.topic, first.partition) < (second.topic, second.partition)
  }

  /// "orders[3]".
  public var description: String { "\(topic)[\(partition)]" }
}

extension TopicPartition {
  /// As the API numbers partitions.
  package init(topic: String, partition: UInt32) { self.init(topic, Int(partition)) }

  /// As the API numbers partitions; a number that no partition can have is the nearest.
  package var number: UInt32 { UInt32(clamping: partition) }
}
