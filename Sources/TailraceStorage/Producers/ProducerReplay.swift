internal import Logging
internal import TailraceWire

/// What a partition remembers of its producers when it is opened: the newest snapshot, and the batches behind it.
///
/// Only headers are read, and after a clean stop none; where the snapshot that the state file names is gone or damaged,
/// those of the whole log.
struct ProducerReplay {
  let opener: PartitionOpener
  let state: PartitionState?
  /// All of the log, in offset order.
  let segments: [LogSegment]
  let end: LogPosition

  /// What is remembered at the log's end.
  func replay() throws(StorageError) -> ProducerState {
    let found = try opener.producerFile.newest(upTo: end.offset)
    var producers = found?.producers ?? ProducerState()
    let start = start(found?.end)
    guard start < end.offset else { return producers }
    for index in segments.indices where index + 1 == segments.count || segments[index + 1].baseOffset > start {
      try replay(segments[index], from: start, into: &producers)
    }
    return producers
  }

  /// Below it nothing has to be read. `found`: the place of the snapshot; nil where there is none.
  private func start(_ found: Offset?) -> Offset {
    guard let state else { return found ?? .zero }
    let wanted = Offset(state.producersEndOffset)
    // Nobody was remembered at the checkpoint.
    if wanted == .zero { return max(found ?? .zero, Offset(state.durableEndOffset)) }
    if let found, wanted > .zero, found >= wanted { return found }
    opener.logger.warning(
      "producers are read from the log: the file that remembers them is missing or damaged",
      metadata: .keys([.partition: "\(opener.id)"]))
    return found ?? .zero
  }

  private func replay(
    _ segment: LogSegment, from start: Offset, into producers: inout ProducerState
  ) throws(StorageError) {
    let isLast = segment.baseOffset == end.segment
    let byteCount = isLast ? end.position : try opener.byteCount(of: segment.baseOffset)
    let file = try segment.openFile()
    let position = try position(of: start, in: segment, file, byteCount)
    guard position < byteCount else { return }
    var scanner = BatchScanner(file: file, from: position, byteCount: byteCount)
    while let batch = try scanner.next() { producers.note(batch.header) }
  }

  /// Where to begin in a segment: at the checkpoint, where the state file tells its place and a batch begins there (the
  /// segment may have been compacted since), else at the segment's beginning.
  private func position(
    of start: Offset, in segment: LogSegment, _ file: any File, _ byteCount: Int
  ) throws(StorageError) -> Int {
    guard let state, state.durableEndOffset == start.rawValue, state.durableEndSegment == segment.baseOffset.rawValue,
      Int(state.durableEndPosition) < byteCount
    else { return 0 }
    let position = Int(state.durableEndPosition)
    var scanner = BatchScanner(file: file, from: position, byteCount: byteCount)
    do throws(BatchScanner.Fault) {
      return try scanner.header(at: position).header.baseOffset == start ? position : 0
    } catch {
      switch error {
      case .notABatch: return 0
      case .unreadable(let cause): throw StorageError(cause, while: "opening partition \(opener.id)")
      }
    }
  }
}
