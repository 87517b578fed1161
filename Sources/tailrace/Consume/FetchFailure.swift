import TailraceClient
import TailraceWire

extension CommandFailure {
  /// Why a partition could not be read: `fetched` has the error and the partition's bounds, `cursor` is where it was to be
  /// read.
  init(_ error: PartitionError, of fetched: FetchedPartition, at cursor: PartitionCursor) {
    guard error.code != .offsetOutOfRange else {
      self = .offsetOutOfRange(cursor.offset, fetched.logStartOffset, fetched.highWatermark, partition: cursor.id)
      return
    }
    // It was there when this began, and partitions go with their topic only.
    if [.unknownTopic, .unknownTopicID, .unknownPartition].contains(error.code) {
      self = CommandFailure(
        PartitionError(code: error.code, message: "topic '\(cursor.id.topic)' was deleted meanwhile"))
      return
    }
    self = CommandFailure(
      PartitionError(code: error.code, message: Self.message(error, fetched)), topic: cursor.id.topic
    ).with(prefix: "\(cursor.id.words): ")
  }

  private static func message(_ error: PartitionError, _ fetched: FetchedPartition) -> String {
    guard error.code == .offsetTruncated, let end = fetched.truncatedTo else { return error.message }
    return "the log fell back to offset \(end) after a crash; what was printed from there on is gone"
  }

  /// `start` and `end`: the bounds that the partition has, the latter exclusive.
  static func offsetOutOfRange(
    _ offset: Int64, _ start: Int64, _ end: Int64, partition: TopicPartition
  ) -> CommandFailure {
    let message =
      "\(partition.words): offset \(offset) is out of range: the partition holds \(start) to \(end) (exclusive);"
      + " see --from and --partition"
    return CommandFailure(PartitionError(code: .offsetOutOfRange, message: message))
  }
}
