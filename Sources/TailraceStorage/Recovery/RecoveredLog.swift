internal import TailraceWire

/// A partition as it was found on disk.
struct RecoveredLog {
  /// In offset order, at least one.
  var segments: [LogSegment]
  /// What is remembered of producers at the log's end.
  var producers = ProducerState()
  var logStart: Offset
  var logEnd: LogPosition
  var durableEnd: LogPosition
  var partitionEpoch: UInt32
  /// Where epochs began that followed an unclean stop, oldest first.
  var epochs: [EpochStart] = []
  /// Milliseconds since 1970.
  var lastAppendTimestampMs: Int64
  /// Damage below the durable end.
  var fault: StorageError?
  /// Whether what lies below the damage can be read. Where not, every read is answered with `fault`.
  var isReadable = true
  /// What recovery looked at; nil after a clean stop.
  var recovery: RecoveryFigures?
  /// What stands in the state file; nil where that is not known.
  var state: PartitionState?

  /// A partition of which nothing can be used. `end`: how far it is known to have reached; zero where that is not known.
  static func unusable(
    _ fault: StorageError, state: PartitionState?, end: Offset, segmentPath: String, files: OpenFiles
  ) -> RecoveredLog {
    let position = LogPosition(offset: end, segment: .zero, position: 0)
    return RecoveredLog(
      segments: [LogSegment(baseOffset: .zero, path: segmentPath, byteCount: 0, files: files)],
      logStart: Offset(max(0, state?.logStartOffset ?? 0)), logEnd: position, durableEnd: position,
      partitionEpoch: state?.partitionEpoch ?? 0, lastAppendTimestampMs: 0, fault: fault, isReadable: false,
      state: state)
  }

  /// The end of what may be read: what recovery accepted is on disk before it is served.
  func highWatermark(_ config: LogConfig) -> LogPosition {
    fault == nil && config.durability == .durable ? durableEnd : logEnd
  }
}

/// What recovering a partition took.
struct RecoveryFigures: Hashable {
  /// Bytes of batches that were checked.
  var bytesChecked = 0
  /// Bytes that were cut off and kept aside.
  var bytesCut = 0
}
