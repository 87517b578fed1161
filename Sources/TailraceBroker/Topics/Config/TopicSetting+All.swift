internal import TailraceStorage

extension TopicSetting {
  /// The settings there are, by name. A later one may build on what an earlier one has put into the configuration.
  package static let all: [TopicSetting] = [
    cleanupPolicy, deleteRetentionMs, durability, flushIntervalMs, maxBatchBytes, minCompactionLagMs, retentionBytes,
    retentionMs, segmentBytes, segmentMs, timestampType,
  ]

  /// "cleanup_policy, delete_retention_ms, ...".
  static let names = all.map(\.name).joined(separator: ", ")

  static func named(_ name: String) -> TopicSetting? { all.first { $0.name == name } }

  /// A hundred years: sums with a time of day stay far within the number range.
  private static let longestMs: Int64 = 100 * 365 * 86_400_000
  private static let week = "604800000"

  private static let cleanupPolicy = TopicSetting(
    "cleanup_policy", default: "delete",
    fallback: .cautious(shown: "none", set: { $0.cleanup = [] }),
    .choice([
      "delete": { $0.cleanup = .delete },
      "compact": { $0.cleanup = .compact },
      "compact,delete": { $0.cleanup = [.compact, .delete] },
      "delete,compact": { $0.cleanup = [.compact, .delete] },
    ]),
    meaning: """
      What becomes of old records: 'delete' drops whole segments by age and size, 'compact' keeps the latest record of \
      each key and takes no record without one.
      """)

  private static let deleteRetentionMs = TopicSetting(
    "delete_retention_ms", default: "86400000",
    fallback: .cautious(shown: "\(longestMs)", set: { $0.deleteRetentionMs = longestMs }),
    .number(0...longestMs, set: { $0.deleteRetentionMs = $1 ?? 0 }),
    meaning: """
      With 'compact': milliseconds for which a record without a value, which deletes its key, can still be read after \
      compaction first went over it.
      """)

  private static let durability = TopicSetting(
    "durability", default: "durable",
    fallback: .cautious(shown: "durable", set: { $0.durability = .durable }),
    .choice([
      "durable": { $0.durability = .durable },
      "interval": { $0.durability = .interval(milliseconds: 1_000) },
      "os": { $0.durability = .os },
    ]),
    meaning: """
      When records go to disk: 'durable' before they are acknowledged and seen, 'interval' every flush_interval_ms, 'os' \
      when the operating system likes.
      """)

  private static let flushIntervalMs = TopicSetting(
    "flush_interval_ms", default: "1000",
    .number(
      1...3_600_000,
      set: { config, ms in
        if case .interval = config.durability, let ms { config.durability = .interval(milliseconds: ms) }
      }),
    meaning: "With durability 'interval': milliseconds between two fsyncs.")

  private static let maxBatchBytes = TopicSetting(
    "max_batch_bytes", default: "1048576",
    .number(
      1_024...Int64(TopicConfig.maxBatchBytesCeiling), set: { $0.maxBatchBytes = Int(clamping: $1 ?? 0) }),
    meaning: "The largest batch, bytes as stored, its header included.")

  private static let minCompactionLagMs = TopicSetting(
    "min_compaction_lag_ms", default: "0",
    fallback: .cautious(shown: "\(longestMs)", set: { $0.minCompactionLagMs = longestMs }),
    .number(0...longestMs, set: { $0.minCompactionLagMs = $1 ?? 0 }),
    meaning: "With 'compact': milliseconds after their append for which records are left alone.")

  private static let retentionBytes = TopicSetting(
    "retention_bytes", default: "-1",
    fallback: .cautious(shown: "-1", set: { $0.retentionBytes = nil }),
    .number(1...1 << 60, allowsNone: true, set: { $0.retentionBytes = $1 }),
    meaning: """
      With 'delete': bytes that each partition keeps; beyond, the oldest segments go as long as what is left is not less. \
      -1: as many as there are.
      """)

  private static let retentionMs = TopicSetting(
    "retention_ms", default: week,
    fallback: .cautious(shown: "-1", set: { $0.retentionMs = nil }),
    .number(1...longestMs, allowsNone: true, set: { $0.retentionMs = $1 }),
    meaning: """
      With 'delete': milliseconds after their append for which records are kept at least; a segment goes when all of it \
      is older. -1: for ever.
      """)

  private static let segmentBytes = TopicSetting(
    "segment_bytes", default: "1073741824",
    .number(65_536...Int64(Int32.max), set: { $0.segmentBytes = Int(clamping: $1 ?? 0) }),
    meaning: "A segment file is finished, and the next one begun, before it would grow past so many bytes.")

  private static let segmentMs = TopicSetting(
    "segment_ms", default: week,
    .number(1...longestMs, set: { $0.segmentMs = $1 }),
    meaning: """
      Milliseconds after its first append when a segment file is finished: only then it can be dropped or compacted.
      """)

  private static let timestampType = TopicSetting(
    "timestamp_type", default: "create",
    .choice(["create": { $0.hasAppendTimestamps = false }, "append": { $0.hasAppendTimestamps = true }]),
    meaning: "Whose time records have: 'create' the producer's, 'append' the broker's at the append.")
}
