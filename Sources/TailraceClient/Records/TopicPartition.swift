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
