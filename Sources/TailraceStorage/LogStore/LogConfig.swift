/// What storage needs to know of a topic's configuration.
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

  /// The largest batch that any log takes, its header included, bytes. Recovery takes nothing larger for a batch.
  package static let maxBatchBytesCeiling = 8 << 20

  package var durability: Durability
  /// A segment is rolled before it would grow past this; below 2 GiB.
  package var segmentBytes: Int
  /// The largest batch, its header included; at most `maxBatchBytesCeiling`, whatever is asked for here.
  package var maxBatchBytes: Int
  /// Whether readers see the append's time in place of the producer's.
  package var hasAppendTimestamps: Bool
  /// Whether records without a key are refused.
  package var requiresKeys: Bool

  package init(
    durability: Durability = .durable, segmentBytes: Int = 1 << 30, maxBatchBytes: Int = 1 << 20,
    hasAppendTimestamps: Bool = false, requiresKeys: Bool = false
  ) {
    self.durability = durability
    self.segmentBytes = segmentBytes
    self.maxBatchBytes = maxBatchBytes
    self.hasAppendTimestamps = hasAppendTimestamps
    self.requiresKeys = requiresKeys
  }
}
