import TailraceClient

extension TopicPartition {
  /// For messages: "partition 3 of 'orders'".
  var words: String { "partition \(partition) of '\(topic)'" }
}
