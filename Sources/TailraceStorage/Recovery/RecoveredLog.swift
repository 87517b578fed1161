internal import TailraceWire

/// A partition as it was found on disk.
struct RecoveredLog {
  /// In offset order, at least one.
  var segments: [LogSegment]
  var logStart: Offset
  var logEnd: LogPosition
  var durableEnd: LogPosition
  var partitionEpoch: UInt32
  /// Where the epoch begins, after an unclean stop.
  var epochStart: Offset?
  /// Milliseconds since 1970.
  var lastAppendTimestampMs: Int64
  /// Damage below the durable end.
  var fault: StorageError?
  /// What stands in the state file.
  var state: PartitionState

  /// The end of what may be read: what recovery accepted is on disk before it is served.
  func highWatermark(_ config: LogConfig) -> LogPosition {
    fault == nil && config.durability == .durable ? durableEnd : logEnd
  }
}
