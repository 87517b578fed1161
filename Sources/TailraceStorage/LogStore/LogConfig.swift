/// What storage needs to know of a topic's configuration. All durations in milliseconds, by the broker's clock at the
/// append, not by the records' timestamps.
package struct LogConfig: Hashable, Sendable {
  /// When a partition's data goes to disk, and with it what consumers see.
  package enum Durability: Hashable, Sendable {
    /// fsync before the ack (group commit); the high watermark is the durable end.
    case durable
    /// fsync every so many milliseconds; the high watermark is the log's end.
    case interval(milliseconds: Int64)
    /// The operating system writes when it likes, but for finished segments, which are fsynced in the background; the high watermark is the log's end.
    case os
  }

  /// What becomes of old data; several may be on.
  package struct Cleanup: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Whole segments go once they are older than `retentionMs`, or the log is larger than `retentionBytes`.
    package static let delete = Cleanup(rawValue: 1)
    /// Of each key the latest record stays.
    package static let compact = Cleanup(rawValue: 2)
  }

  /// The largest batch that any log takes, its header included, bytes. Recovery takes nothing larger for a batch.
  package static let maxBatchBytesCeiling = 8 << 20

  package var durability = Durability.durable
  /// A segment is rolled before it would grow past this; below 2 GiB.
  package var segmentBytes = 1 << 30
  /// A segment is rolled once its first batch is this old; nil: whatever its age.
  package var segmentMs: Int64?
  /// The largest batch, its header included; at most `maxBatchBytesCeiling`, whatever is asked for here.
  package var maxBatchBytes = 1 << 20
  /// Whether readers see the append's time in place of the producer's.
  package var hasAppendTimestamps = false
  package var cleanup = Cleanup.delete
  /// With `.delete`: how long records are kept after their append, at least; nil: for ever.
  package var retentionMs: Int64?
  /// With `.delete`: what the partition may hold; the oldest finished segments go as long as the rest is still larger. Nil: no bound.
  package var retentionBytes: Int64?
  /// With `.compact`: records younger than this are left alone.
  package var minCompactionLagMs: Int64 = 0
  /// With `.compact`: how long a tombstone stays after the first pass that went over it.
  package var deleteRetentionMs: Int64 = 86_400_000

  /// Whether appends may use what the disk keeps in reserve: for the broker's own books, without which nobody could make
  /// room.
  package var mayUseReserve = false

  package init(
    durability: Durability = .durable, segmentBytes: Int = 1 << 30, maxBatchBytes: Int = 1 << 20,
    hasAppendTimestamps: Bool = false, cleanup: Cleanup = .delete
  ) {
    self.durability = durability
    self.segmentBytes = segmentBytes
    self.maxBatchBytes = maxBatchBytes
    self.hasAppendTimestamps = hasAppendTimestamps
    self.cleanup = cleanup
  }

  /// Whether records without a key are refused: compaction goes by keys.
  package var requiresKeys: Bool { cleanup.contains(.compact) }
}
