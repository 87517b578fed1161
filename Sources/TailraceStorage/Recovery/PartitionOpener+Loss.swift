internal import Logging
internal import TailraceWire

/// Partitions that lack what was once on disk, or cannot be opened at all.
extension PartitionOpener {
  /// Below it everything was once on disk, as the state file says and the last clean stop. The log's start never moves
  /// past what is on disk.
  func knownEnd(_ state: PartitionState?) -> Offset {
    Offset(
      max(
        state?.durableEndOffset ?? 0, state?.cleanEndOffset ?? 0, state?.logStartOffset ?? 0,
        cleanEntry?.logEnd.rawValue ?? 0))
  }

  /// A partition without segments, although there was data; nil where there was none. The state file is made to say so,
  /// since the word of a clean stop is good for one start.
  func lost(_ found: PartitionState?) throws(StorageError) -> RecoveredLog? {
    let end = knownEnd(found)
    let start = Offset(max(0, found?.logStartOffset ?? 0))
    guard end > start else { return nil }
    var state =
      found
      ?? PartitionState(
        topicID: id.topic.bytes, partition: id.index, logStartOffset: 0, durableEndOffset: 0, partitionEpoch: 0)
    if state.durableEndOffset < end.rawValue {
      state.durableEndOffset = end.rawValue
      try StateFile.write(state, directory: directory, fileSystem: fileSystem)
    }
    let cause = StorageError(
      .dataLoss,
      "it has no segment files, but offsets \(start) to \(end) (exclusive) were on disk; put its directory back while"
        + " the broker is stopped, or delete the topic")
    return unusable(cause, state: state)
  }

  /// A partition of which nothing can be used, for `cause`; logged, for the operator.
  func unusable(_ cause: StorageError, state: PartitionState?) -> RecoveredLog {
    let fault = StorageError(
      cause.kind, "partition \(id) in \(directory) cannot be used until the broker is started again: \(cause)")
    logger.error("partition cannot be used", metadata: .keys([.partition: "\(id)", .reason: fault.message]))
    return RecoveredLog.unusable(
      fault, state: state, end: knownEnd(state), segmentPath: path(of: .zero), files: files)
  }

  /// The fault of a partition that lacks what was once on disk; logged, for the operator.
  func dataLoss(_ message: String) -> StorageError {
    logger.error("data loss", metadata: .keys([.partition: "\(id)", .reason: message]))
    return StorageError(.dataLoss, message)
  }
}
