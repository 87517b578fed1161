import TailraceStorage
import TailraceTesting
import TailraceWire
import Testing

@testable import TailraceBroker

@Suite struct TopicConfigTests {
  private func entries(_ values: KeyValuePairs<String, String>) -> [ConfigEntry] {
    values.map { ConfigEntry(name: $0.key, value: $0.value) }
  }

  private func config(_ values: KeyValuePairs<String, String>, defaults: TopicDefaults = .none) throws -> TopicConfig {
    try TopicConfig(entries(values), defaults: defaults)
  }

  private func value(_ name: String, in config: TopicConfig) -> ConfigValue? {
    config.described.first { $0.name == name }
  }

  @Test func `what is built in is in force where nobody says anything`() throws {
    var expected = LogConfig()
    expected.segmentMs = 604_800_000
    expected.retentionMs = 604_800_000
    #expect(try config([:]).log == expected)
    let values = try config([:]).described
    #expect(values.map(\.name) == values.map(\.name).sorted())
    #expect(values.allSatisfy { $0.source == .default })
    #expect(
      values.map { "\($0.name)=\($0.value)" } == [
        "cleanup_policy=delete", "delete_retention_ms=86400000", "durability=durable", "flush_interval_ms=1000",
        "max_batch_bytes=1048576", "min_compaction_lag_ms=0", "retention_bytes=-1", "retention_ms=604800000",
        "segment_bytes=1073741824", "segment_ms=604800000", "timestamp_type=create",
      ])
  }

  @Test func `every default is within its own bounds, and every setting is documented with them`() throws {
    for setting in TopicSetting.all {
      _ = try TopicConfig([ConfigEntry(name: setting.name, value: setting.defaultValue)], defaults: .none)
      #expect(setting.documentation.hasSuffix("May be \(setting.bounds); built in is \(setting.defaultValue)."))
      #expect(!setting.meaning.isEmpty)
    }
  }

  @Test func `each setting sets what it is called after`() throws {
    let log = try config([
      "cleanup_policy": "delete,compact", "delete_retention_ms": "11", "durability": "interval",
      "flush_interval_ms": "12", "max_batch_bytes": "1300", "min_compaction_lag_ms": "14", "retention_bytes": "15",
      "retention_ms": "16", "segment_bytes": "170000", "segment_ms": "18", "timestamp_type": "append",
    ]).log
    #expect(log.cleanup == [.compact, .delete])
    #expect(log.deleteRetentionMs == 11)
    #expect(log.durability == .interval(milliseconds: 12))
    #expect(log.maxBatchBytes == 1_300)
    #expect(log.minCompactionLagMs == 14)
    #expect(log.retentionBytes == 15)
    #expect(log.retentionMs == 16)
    #expect(log.segmentBytes == 170_000)
    #expect(log.segmentMs == 18)
    #expect(log.hasAppendTimestamps)
    #expect(try config(["retention_ms": "-1", "retention_bytes": "-1"]).log.retentionMs == nil)
    // Of no effect with another durability.
    #expect(try config(["durability": "os", "flush_interval_ms": "12"]).log.durability == .os)
  }

  @Test func `the topic goes before the broker, the broker before what is built in`() throws {
    let defaults = try TopicDefaults(entries(["retention_ms": "1000", "segment_ms": "2000"]))
    let config = try config(["segment_ms": "3000"], defaults: defaults)
    #expect(config.log.retentionMs == 1_000)
    #expect(config.log.segmentMs == 3_000)
    #expect(value("retention_ms", in: config)?.source == .broker)
    #expect(value("retention_ms", in: config)?.value == "1000")
    #expect(value("segment_ms", in: config)?.source == .topic)
    #expect(value("segment_bytes", in: config)?.source == .default)
    #expect(config.entries == entries(["segment_ms": "3000"]))
  }

  @Test(arguments: [
    ("retention_ms", "0", "retention_ms is '0'; it may be 1 to 3153600000000, or -1 for none"),
    ("cleanup_policy", "x", "it may be 'compact', 'compact,delete', 'delete', 'delete,compact'"),
    ("colour", "red", "there is no setting 'colour'; there are cleanup_policy, "),
  ])
  func `what the broker says is checked as what a topic says`(name: String, value: String, text: String) throws {
    let error = try #require(throws: RPCError.self) { try TopicDefaults([ConfigEntry(name: name, value: value)]) }
    #expect(error.error == .invalidConfig)
    #expect(error.message.contains(text), "\(error.message)")
  }

  @Test func `records must be given the time to be compacted before they are deleted`() throws {
    let lag: KeyValuePairs = [
      "retention_ms": "1000", "min_compaction_lag_ms": "1000", "cleanup_policy": "compact,delete",
    ]
    let error = try #require(throws: RPCError.self) { try config(lag) }
    #expect(error.message.contains("min_compaction_lag_ms is 1000 and retention_ms 1000"), "\(error.message)")
    _ = try config(["retention_ms": "1000", "min_compaction_lag_ms": "999", "cleanup_policy": "compact,delete"])
    let before = try config(["retention_ms": "1000", "min_compaction_lag_ms": "1000", "cleanup_policy": "compact"])
    #expect(throws: RPCError.self) {
      try before.changed(setting: entries(["cleanup_policy": "compact,delete"]), unsetting: [])
    }
    // What is stored stands; it does not keep anybody from setting something else.
    let stored = TopicConfig(stored: entries(lag), defaults: .none)
    _ = try stored.changed(setting: entries(["durability": "os"]), unsetting: [])
  }

  @Test func `what cannot be understood is kept, and loses no data meanwhile`() throws {
    let defaults = try TopicDefaults(entries(["retention_ms": "1000", "segment_bytes": "100000"]))
    let stored = entries([
      "cleanup_policy": "tiered", "colour": "red", "delete_retention_ms": "forever", "durability": "quorum",
      "min_compaction_lag_ms": "?", "retention_bytes": "0", "retention_ms": "3d", "segment_bytes": "1",
    ])
    let config = TopicConfig(stored: stored, defaults: defaults)
    #expect(config.entries == stored)
    #expect(config.notUnderstood == stored)
    #expect(config.log.cleanup == [])
    #expect(config.log.durability == .durable)
    #expect(config.log.retentionMs == nil && config.log.retentionBytes == nil)
    #expect(config.log.deleteRetentionMs > 1_000_000_000_000 && config.log.minCompactionLagMs > 1_000_000_000_000)
    #expect(config.log.segmentBytes == 100_000)
    #expect(value("retention_ms", in: config)?.value == "-1")
    #expect(value("retention_ms", in: config)?.documentation.contains("The topic says '3d'") == true)
    #expect(value("segment_bytes", in: config)?.source == .broker)
    #expect(value("colour", in: config)?.source == .topic)
    #expect(value("colour", in: config)?.documentation.contains("Not known to this release") == true)
    // It survives a change of something else, and can be taken back.
    let changed = try config.changed(setting: entries(["durability": "os"]), unsetting: ["colour", "retention_ms"])
    #expect(
      changed.notUnderstood.map(\.name) == [
        "cleanup_policy", "delete_retention_ms", "min_compaction_lag_ms", "retention_bytes", "segment_bytes",
      ])
    #expect(changed.log.retentionMs == 1_000)
    #expect(changed.log.durability == .os)
  }
}
