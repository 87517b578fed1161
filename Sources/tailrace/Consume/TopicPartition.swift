/// A partition: its topic's name, and its number.
struct TopicPartition: Hashable, Comparable, Sendable, CustomStringConvertible {
  let topic: String
  /// Counted from 0.
  let partition: UInt32

  static func < (first: TopicPartition, second: TopicPartition) -> Bool {
    (first.topic, first.partition) < (second.topic, second.partition)
  }

  /// "partition 3 of 'orders'".
  var description: String { "partition \(partition) of '\(topic)'" }
}
