import TailraceClient
import TailraceWire

/// Why a partition could not be read.
struct FetchFailure: Error, Hashable, Sendable {
  let partition: TopicPartition
  let code: ErrorCode
  /// For a person, with what to do.
  let failure: CommandFailure
  /// Where it was to be read.
  let wantedOffset: Int64
  /// Where the partition can be read on from, if anywhere: its start, its end, or where it fell back to.
  let nextOffset: Int64?

  /// `fetched` has the error, and the partition's bounds; `cursor` is where it was to be read.
  init(_ error: PartitionError, of fetched: FetchedPartition, at cursor: PartitionCursor) {
    partition = cursor.id
    code = error.code
    wantedOffset = cursor.offset
    nextOffset =
      switch error.code {
      case .offsetOutOfRange: max(fetched.logStartOffset, min(cursor.offset, fetched.highWatermark))
      case .offsetTruncated: fetched.truncatedTo
      default: nil
      }
    failure =
      error.code == .offsetOutOfRange
      ? .offsetOutOfRange(cursor.offset, fetched.logStartOffset, fetched.highWatermark, partition: cursor.id)
      : CommandFailure(
        PartitionError(code: error.code, message: Self.message(error, fetched)), topic: cursor.id.topic
      ).with(prefix: "\(cursor.id.words): ")
  }

  private static func message(_ error: PartitionError, _ fetched: FetchedPartition) -> String {
    guard error.code == .offsetTruncated, let end = fetched.truncatedTo else { return error.message }
    return "the log fell back to offset \(end) after a crash; what was printed from there on is gone"
  }
}

extension CommandFailure {
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
